/**
 * The fields of KubeletConfiguration about the API server that the kubelet joins, and what they come to. Pure.
 * Units: milliseconds, seconds where the API has them. Source: k8s.io/kubelet config/v1beta1 of Kubernetes 1.36 (names, types, defaults).
 */
import { durationMs } from '#api/formats.ts';
import { Taint } from '#api/kinds/core/scheduling.ts';
import { boolean, duration, int32, list, string, type Fields } from '#api/schema.ts';

export const clusterFields = {
  registerNode: boolean('The kubelet makes its Node; false: somebody else does', { default: true }),
  registerWithTaints: list(Taint, 'Taints of the Node when the kubelet makes it'),
  providerID: string('spec.providerID of the Node when the kubelet makes it'),
  nodeStatusUpdateFrequency: duration('How often the status of the Node is looked at; it is told when it changed', { default: '10s' }),
  nodeStatusReportFrequency: duration('How often the status of the Node is told although nothing changed', { default: '5m0s' }),
  nodeStatusMaxImages: int32('Most images in the status of the Node, the largest ones; -1: all', { default: 50, minimum: -1 }),
  nodeLeaseDurationSeconds: int32('How long others take the node for alive after a sign of life, which is given four times as often', {
    default: 40,
    minimum: 0,
  }),
  kubeAPIQPS: int32('Requests a second to the API server', { default: 50, minimum: 0 }),
  kubeAPIBurst: int32('Requests to the API server at once beyond that', { default: 100, minimum: 0 }),
  eventRecordQPS: int32('Events a second that are told to the API server; 0: no limit', { default: 50, minimum: 0 }),
  eventBurst: int32('Events at once beyond that', { default: 100, minimum: 0 }),
  rotateCertificates: boolean('The client certificate is renewed by the cluster before it ends, and kept in --cert-dir', {
    default: false,
  }),
  serverTLSBootstrap: boolean('The certificate of the HTTP API comes from the cluster, once somebody has approved it', { default: false }),
} satisfies Fields;

export interface ClusterSettings {
  readonly registerNode: boolean;
  readonly taints: readonly Taint[];
  readonly labels: Readonly<Record<string, string>>;
  readonly providerId: string | undefined;
  readonly statusLookMs: number;
  readonly statusReportMs: number;
  readonly leaseSeconds: number;
  readonly api: { readonly qps: number; readonly burst: number };
  readonly events: { readonly qps: number; readonly burst: number };
  readonly rotateCertificates: boolean;
  readonly serverTlsBootstrap: boolean;
}

interface Given {
  readonly registerNode?: boolean;
  readonly registerWithTaints?: readonly Taint[];
  readonly providerID?: string;
  readonly nodeStatusUpdateFrequency?: string;
  readonly nodeStatusReportFrequency?: string;
  readonly nodeLeaseDurationSeconds?: number;
  readonly kubeAPIQPS?: number;
  readonly kubeAPIBurst?: number;
  readonly eventRecordQPS?: number;
  readonly eventBurst?: number;
  readonly rotateCertificates?: boolean;
  readonly serverTLSBootstrap?: boolean;
}

const LOOK_MS = 10_000;
const REPORT_MS = 300_000;

/** given: the file as it is, without defaults: who asks for looks at another pace and says nothing of reports means both. */
export function clusterSettings(config: Given, given: Given, labels: Readonly<Record<string, string>>): ClusterSettings {
  const ms = (text: string | undefined): number | undefined => durationMs(text ?? '') || undefined;
  const lookMs = ms(given.nodeStatusUpdateFrequency);
  return {
    registerNode: config.registerNode ?? true,
    taints: config.registerWithTaints ?? [],
    labels,
    providerId: config.providerID === '' ? undefined : config.providerID,
    statusLookMs: lookMs ?? LOOK_MS,
    statusReportMs: ms(given.nodeStatusReportFrequency) ?? lookMs ?? REPORT_MS,
    leaseSeconds: config.nodeLeaseDurationSeconds || 40,
    api: { qps: config.kubeAPIQPS || 50, burst: config.kubeAPIBurst || 100 },
    // Zero is a pointer to zero here, and means no limit.
    events: { qps: config.eventRecordQPS === 0 ? -1 : (config.eventRecordQPS ?? 50), burst: config.eventBurst || 100 },
    rotateCertificates: config.rotateCertificates ?? false,
    serverTlsBootstrap: config.serverTLSBootstrap ?? false,
  };
}
