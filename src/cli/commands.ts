/** Every command, in the order in which the overview names them. */
import type { Command } from './command.ts';
import { advicesDropCommand, advicesListCommand, advicesPauseCommand, advicesReplayCommand, advicesResumeCommand, advicesShowCommand, advicesSpeedCommand } from './advices.ts';
import { alertsCommand } from './alerts.ts';
import { appPairCommand } from './app.ts';
import { callCommand } from './call.ts';
import { cardBalanceCommand, cardSetCommand, cardShowCommand } from './card.ts';
import { caCheckCommand, caCrlCommand, caInitCommand, caListCommand, caRevokeCommand, caShowCommand, caSignCommand } from './ca.ts';
import { decodeCommand } from './decode.ts';
import { doctorCommand } from './doctor.ts';
import { hostCommand } from './host.ts';
import { issuerInCommand, issuerKillCommand, issuerListCommand, issuerOutCommand, issuerShowCommand, issuerUnkillCommand } from './issuer.ts';
import { keyComponentCommand, keyExportCommand, keyImportCommand } from './key-import.ts';
import { keyLogCommand, keyRetireCommand, keyRotateCommand, keyRotateMasterCommand } from './key-life.ts';
import { keyGenerateCommand, keyInitCommand, keyListCommand } from './key.ts';
import { loadCommand } from './load.ts';
import { lockCommand, locksCommand, unlockCommand } from './lock.ts';
import { logCommand } from './log.ts';
import { sendCommand } from './send.ts';
import { specCheckCommand, specListCommand } from './spec.ts';
import { staffAddCommand, staffListCommand, staffLockCommand, staffResetCommand, staffUnlockCommand } from './staff.ts';
import { startCommand } from './start.ts';
import { stationCutOverCommand, stationEchoCommand, stationListCommand, stationShowCommand, stationSignOffCommand, stationSignOnCommand } from './station.ts';
import { tablesHistoryCommand, tablesListCommand, tablesRemoveCommand, tablesResetCommand, tablesSetCommand, tablesShowCommand } from './tables.ts';
import { traceCommand } from './trace.ts';

export const commands: readonly Command[] = [
  startCommand, sendCommand, loadCommand, hostCommand, decodeCommand, traceCommand, logCommand, alertsCommand,
  issuerListCommand, issuerShowCommand, issuerOutCommand, issuerInCommand, issuerKillCommand, issuerUnkillCommand,
  cardShowCommand, cardSetCommand, cardBalanceCommand,
  advicesListCommand, advicesShowCommand, advicesReplayCommand, advicesDropCommand, advicesPauseCommand, advicesResumeCommand, advicesSpeedCommand,
  stationListCommand, stationShowCommand, stationSignOffCommand, stationSignOnCommand, stationEchoCommand, stationCutOverCommand,
  lockCommand, unlockCommand, locksCommand,
  tablesListCommand, tablesShowCommand, tablesSetCommand, tablesRemoveCommand, tablesResetCommand, tablesHistoryCommand,
  callCommand, appPairCommand,
  caInitCommand, caSignCommand, caListCommand, caShowCommand, caCheckCommand, caCrlCommand, caRevokeCommand,
  staffAddCommand, staffListCommand, staffLockCommand, staffUnlockCommand, staffResetCommand,
  specCheckCommand, specListCommand,
  keyInitCommand, keyGenerateCommand, keyComponentCommand, keyImportCommand, keyExportCommand, keyListCommand,
  keyRotateCommand, keyRetireCommand, keyRotateMasterCommand, keyLogCommand, doctorCommand,
];
