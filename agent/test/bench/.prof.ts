import { planRuleset } from '../../kube-proxy/iptables/ruleset.ts';
import { diffTables, readSave } from '../../kube-proxy/iptables/tables.ts';
import { renderBatches } from '../../kube-proxy/iptables/writes.ts';
import { BENCH_SETTINGS, benchPorts } from './proxyServices.ts';
for (const n of [1000, 10000, 10000]) {
const services=benchPorts(n); let t=performance.now();
const lap=(w:string)=>{const x=performance.now(); console.log(n,w,(x-t).toFixed(1)); t=x;};
const r=planRuleset(services.values(), BENCH_SETTINGS, 'terse'); lap('plan');
const empty=readSave('*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT'); t=performance.now();
const d=diffTables(empty, r); lap('diff'); const b=renderBatches(d,{linesPerBatch:1000}); lap('render');
const lines=b.flatMap(x=>x.text.split('\n')).map(l=>l); const text=b.map(x=>x.text).join(''); t=performance.now(); 
const s=readSave(text); lap('read'); diffTables(s,r); lap('diff same');}
