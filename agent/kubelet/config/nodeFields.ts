/** Fields of KubeletConfiguration about the daemon itself and the node it shows. Pure. */
import { boolean, duration, int32, anyValue, list, map, object, string, type Fields } from '#api/schema.ts';

export const nodeFields = {
  syncFrequency: duration('How often everything the runtime has is listed in full; changes are heard of at once', { default: '1m0s' }),
  staticPodURL: string('Where static pods are fetched from, beside the directory'),
  staticPodURLHeader: map(list(string()), 'Headers of the request to staticPodURL; never shown'),
  httpCheckFrequency: duration('How often staticPodURL is asked', { default: '20s' }),
  oomScoreAdj: int32('How much the kernel spares the kubelet when memory is short, -1000 to 1000', { default: -999 }),
  failSwapOn: boolean('Do not start where swap is on', { default: true }),
  failCgroupV1: boolean('Do not start on cgroup v1. Differs: upstream’s default is true', { default: false }),
  protectKernelDefaults: boolean(
    'Do not start where vm.overcommit_memory, vm.panic_on_oom, kernel.panic or kernel.panic_on_oops is not as the kubelet wants it. Differs: with false upstream sets them, here they are left alone',
    { default: false },
  ),
  podCIDR: string('Network of the pods, told to the runtime (which may make a CNI configuration of it) and shown in the node'),
  logging: object('io.k8s.kubelet.config.v1beta1.LoggingConfiguration', {
    format: string('text'),
    flushFrequency: anyValue('Taken and of no use: each line is written at once; text, or nanoseconds'),
    verbosity: int32('4 and more: every step', { minimum: 0 }),
    options: object('io.k8s.kubelet.config.v1beta1.FormatOptions', { text: outputOptions('Text'), json: outputOptions('JSON') }),
    vmodule: list(object('io.k8s.kubelet.config.v1beta1.VModuleItem', { filePattern: string(), verbosity: int32() })),
  }),
} satisfies Fields;

/** Lines are written at once and all to one place; a buffer of 0 and no split is what that is called. */
function outputOptions(format: 'Text' | 'JSON') {
  return object(`io.k8s.kubelet.config.v1beta1.${format}Options`, { splitStream: boolean(), infoBufferSize: string() });
}
