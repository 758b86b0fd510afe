/** Everything that operators may ask a switch for: one table, of which each part is offered by the file that does it. */
import type { Operation } from '../office/operation.ts';
import { cardOperations } from './card-operations.ts';
import type { CardOperationsOptions } from './card-operations.ts';
import { adviceOperations } from './operator-advices.ts';
import type { AdvicesOutside } from './operator-advices.ts';
import { alertOperations } from './operator-alerts.ts';
import type { AlertsOutside } from './operator-alerts.ts';
import { certificateOperations } from './operator-certificates.ts';
import type { CertificatesOutside } from './operator-certificates.ts';
import { issuerOperations } from './operator-issuers.ts';
import type { IssuersOutside } from './operator-issuers.ts';
import { controlOperations } from './operator-controls.ts';
import type { ControlsOutside } from './operator-controls.ts';
import { lockOperations } from './operator-locks.ts';
import type { LocksOutside } from './operator-locks.ts';
import { stationOperations } from './operator-stations.ts';
import type { StationsOutside } from './operator-stations.ts';
import { OperatorTables, tableOperations } from './operator-tables.ts';
import type { TableOffice } from './operator-tables.ts';

export interface OperationsOutside {
  readonly office: TableOffice;
  readonly issuers: Omit<IssuersOutside, 'tables'>;
  readonly advices: AdvicesOutside;
  readonly cards: CardOperationsOptions;
  readonly alerts: AlertsOutside;
  readonly locks: LocksOutside;
  readonly controls: ControlsOutside;
  readonly stations: StationsOutside;
  readonly certificates: CertificatesOutside;
}

export function operationsOf({ office, issuers, advices, cards, alerts, locks, controls, stations, certificates }: OperationsOutside): Operation[] {
  const tables = new OperatorTables(office);
  return [
    ...issuerOperations({ ...issuers, tables }), ...adviceOperations(advices), ...cardOperations(cards), ...alertOperations(alerts), ...lockOperations(locks), ...controlOperations(controls), ...stationOperations(stations),
    ...certificateOperations(certificates), ...tableOperations(tables),
  ];
}
