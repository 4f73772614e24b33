/** kube-dns: what it is made of, in the order it starts. */
import type { DaemonContext } from '#base/lifecycle.ts';
import { tellStatus } from '#base/statusTeller.ts';
import { connect } from '#client/connect.ts';
import { clientConfigOf } from '../component/clientOf.ts';
import { runProgram, type Program } from '../component/program.ts';
import { PROGRAM, settingsOf, type Settings } from './config/settings.ts';
import { runDns, type Ports } from './run.ts';
import { surroundings } from './server/surroundings.ts';

async function run(settings: Settings, { clock, log, signal, notify }: DaemonContext): Promise<void> {
  const config = await clientConfigOf({ ...settings, master: undefined }, process.env);
  const client = connect({ config, clock, log, userAgent: PROGRAM.program });
  try {
    const onReady = (_: Ports, line: () => string): void => {
      notify.send({ READY: 1 });
      void tellStatus({ clock, line, notify }, signal); // never rejects
    };
    await runDns({ ...surroundings, settings, client, clock, log, onReady }, signal);
    log.info('DNS server has stopped');
  } finally {
    client.close();
  }
}

export const kubeDns: Program<Settings> = { flags: PROGRAM, settings: settingsOf, run };

if (import.meta.main) process.exitCode = await runProgram(kubeDns, process.argv.slice(2));
