/**
 * Where a webhook may point. A partner chooses the address and the switch calls it from within, so that what is not the open internet
 * is refused: by its form when the webhook is made, and by what its name resolves to each time a connection is opened.
 *
 * Invariant: unless private addresses are allowed by configuration, no connection is opened to one, whatever a name says at which moment.
 */
import { lookup as resolveName } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { LifecycleRefused, refuseCardNumbers } from './refusal.ts';

export interface AddressRules {
  /** `http://` too, and addresses that are not of the open internet: for a partner on the same network, and for trying it out. */
  readonly allowsPrivate: boolean;
}

const urlCharactersMax = 2_048;

/** Loopback, private, link-local, shared, documentation, benchmark, multicast and reserved: IANA's special-purpose registries. */
const closed = new BlockList();
const closedSubnets: readonly (readonly [address: string, prefix: number])[] = [
  ['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12], ['192.0.0.0', 24],
  ['192.0.2.0', 24], ['192.88.99.0', 24], ['192.168.0.0', 16], ['198.18.0.0', 15], ['198.51.100.0', 24], ['203.0.113.0', 24],
  ['224.0.0.0', 4], ['240.0.0.0', 4],
];
for (const [address, prefix] of closedSubnets) closed.addSubnet(address, prefix, 'ipv4');
/** Of IPv6 only global unicast is open, and within it not what carries an IPv4 address or is for documentation. */
const open6 = new BlockList();
open6.addSubnet('2000::', 3, 'ipv6');
const closed6 = new BlockList();
const closedSubnets6: readonly (readonly [address: string, prefix: number])[] = [['2001::', 23], ['2001:db8::', 32], ['2002::', 16], ['3fff::', 20]];
for (const [address, prefix] of closedSubnets6) closed6.addSubnet(address, prefix, 'ipv6');

/** Is it an address of the open internet? @param address IPv4 or IPv6 */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4: return !closed.check(address, 'ipv4');
    case 6: return open6.check(address, 'ipv6') && !closed6.check(address, 'ipv6');
    default: return false;
  }
}

/**
 * The address of a webhook in its normal form.
 * @throws LifecycleRefused 400 `URL_INVALID`, `CARD_NUMBER_REFUSED`, 422 `URL_NOT_ALLOWED`
 */
export function webhookUrl(text: string, { allowsPrivate }: AddressRules): string {
  const url = text.length <= urlCharactersMax ? URL.parse(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || url.hash !== '') {
    throw new LifecycleRefused(400, 'URL_INVALID', `must be an https address without credentials and fragment, of ${urlCharactersMax} characters at most`, 'url');
  }
  refuseCardNumbers({ url: text });
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isPrivate = isIP(host) === 0 ? /^localhost\.?$|\.(?:localhost|local|internal)\.?$/.test(host) : !isPublicAddress(host);
  if (!allowsPrivate && (url.protocol !== 'https:' || isPrivate)) {
    throw new LifecycleRefused(422, 'URL_NOT_ALLOWED', 'must be an https address of the open internet', 'url');
  }
  return url.href;
}

/** Resolves a name for a connection, and fails where one of its addresses is not allowed. An address in place of a name is not resolved: `webhookUrl` has seen it. */
export function guardedLookup({ allowsPrivate }: AddressRules): LookupFunction {
  return (hostname, options, callback) => {
    resolveName(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      const [first] = addresses ?? [];
      if (error !== null || first === undefined) {
        callback(error ?? new Error(`${hostname} has no address`), '', 4);
      } else if (!allowsPrivate && addresses.some(({ address }) => !isPublicAddress(address))) {
        callback(new Error('the name leads to an address that is not of the open internet'), '', 4);
      } else if (options.all === true) {
        callback(null, addresses);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
}
