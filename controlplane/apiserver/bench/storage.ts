/** `node controlplane/apiserver/bench/storage.ts [--rounds N] [--json]`: the stores beside the bare databases under them. */
import { runStorageBench } from '../storage/bench/run.ts';

await runStorageBench(process.argv.slice(2), (line) => void process.stdout.write(`${line}\n`));
