/** What stand-in is told of a request beside the message itself: when it is at its issuer, where the terminal stands, why it is asked. */
import { readMerchantPlace } from '../dialect/forward-merchant.ts';
import { countryNumber } from '../message/country.ts';
import type { CardMessage } from '../message/message.ts';
import type { StandInReason } from '../standin/condition.ts';
import type { StandInFacts } from '../standin/decision.ts';
import type { HostArrival } from './host-arrival.ts';

/** @param outageId as the issuer's exposure has it; 0: there is no outage */
export function standInFacts(arrival: HostArrival, { day, month }: CardMessage, why: StandInReason, isAvailable: boolean, outageId: number): Omit<StandInFacts, 'nowMs'> {
  const { program, receivedAtMs } = arrival;
  return {
    why, isAvailable, outageId, switchesSharing: 1, day, month, minuteOfDay: program?.calendar(receivedAtMs).minuteOfDay ?? 0, country: terminalCountry(arrival),
  };
}

/** ISO 3166-1 numeric: where the merchant says that it is (DE43), else where its acquirer is (DE19); undefined where neither says it. */
export function terminalCountry({ request, meaning, source: { dialect } }: Pick<HostArrival, 'request' | 'meaning' | 'source'>): string | undefined {
  const place = dialect.merchantNameField === undefined ? '' : readMerchantPlace(meaning.merchant.name).country;
  return countryNumber(place) ?? countryNumber(request.text(19) ?? '');
}
