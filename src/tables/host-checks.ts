/** What can be wrong between the rows of remote issuers and the others: stations that are not theirs alone, formats that do not go together, codes of another edition. */
import { ConfigError } from '../base/schema.ts';
import { fitFault } from '../dialect/forward-fit.ts';
import type { Side } from '../dialect/forward-write.ts';
import { responseCodeLengths } from '../dialect/reason-map.ts';
import { loadFormat } from './format.ts';
import type { HostIssuerRow } from './issuer-rows.ts';
import type { StationRow, Tables } from './rows.ts';

/**
 * A station is one issuer's; a message of every other station that may carry one of its cards must fit into its format.
 *
 * @throws ConfigError with the place of the first row that is wrong
 */
export function checkHosts(tables: Tables): void {
  const hosts = tables.issuers.filter((issuer) => issuer.type === 'host');
  const owners = ownersOf(hosts, tables.stations);
  const sides = new Map<string, Side>();
  const sideOf = (station: StationRow): Side => {
    const known = sides.get(station.name) ?? readSide(station);
    sides.set(station.name, known);
    return known;
  };
  for (const issuer of hosts) {
    const targets = issuer.stations.map((name) => tables.stations.find((station) => station.name === name)!);
    checkAskingCodes(issuer, targets.map(sideOf));
    if (!hasCards(issuer, tables)) continue;
    for (const target of targets) {
      for (const station of tables.stations) {
        if (owners.has(station.name)) continue;
        const [fault] = fitFault(sideOf(station), sideOf(target));
        if (fault !== undefined) throw new ConfigError(`stations.${station.name}`, `cannot be forwarded to stations.${target.name} of issuers.${issuer.name}: ${fault}`);
      }
    }
  }
}

/** Whose each issuer's station is. */
function ownersOf(hosts: readonly HostIssuerRow[], stations: readonly StationRow[]): Map<string, string> {
  const owners = new Map<string, string>();
  for (const issuer of hosts) {
    for (const [index, name] of issuer.stations.entries()) {
      const path = `issuers.${issuer.name}.stations[${index}]`;
      if (!stations.some((station) => station.name === name)) throw new ConfigError(path, `names ${name}, and ${stations.length === 0 ? 'there are no stations' : `stations has ${stations.map((station) => station.name).join(', ')}`}`);
      const other = owners.get(name);
      if (other !== undefined) throw new ConfigError(path, `is ${name}, which is a station of issuers.${other}`);
      owners.set(name, issuer.name);
    }
  }
  return owners;
}

/** Does a range of cards lead to it? */
function hasCards({ name }: HostIssuerRow, { programs, ranges }: Tables): boolean {
  return programs.some((program) => program.issuer === name && ranges.some((range) => range.program === program.name));
}

/** One that no station could send is a slip of the pen, and one that approves is a danger. */
function checkAskingCodes({ name, askingCodes = [] }: HostIssuerRow, sides: readonly Side[]): void {
  for (const [index, code] of askingCodes.entries()) {
    const path = `issuers.${name}.askingCodes[${index}]`;
    if (!sides.some(({ dialect }) => responseCodeLengths[dialect.version] === code.length)) throw new ConfigError(path, `is ${code}, and none of its stations has response codes of ${code.length} characters`);
    if (sides.some(({ dialect }) => dialect.reasons.approved(code))) throw new ConfigError(path, `is ${code}, which approves or accepts`);
  }
}

function readSide(station: StationRow): Side {
  const { codec, dialect } = loadFormat(station, `stations.${station.name}`);
  return { dialect, spec: codec.spec };
}
