/**
 * The segment that the nodes of a cluster are neighbours on: a bridge in the first node's network namespace, which each further node is plugged
 * into. The first node is the way out for all.
 */
import { netnsPath, runInNetns } from '../linux/netns.ts';
import { addressAt } from './subnets.ts';

const BRIDGE = 'nodes0';
/** In a further node. */
const DEVICE = 'eth0';

/** The first node is number 1. */
export const segmentAddress = (segment: string, index: number): string => addressAt(segment, index);

const withPrefix = (segment: string, index: number): string => `${segmentAddress(segment, index)}/${segment.split('/')[1]}`;

export async function makeSegment(netns: string, segment: string, signal: AbortSignal): Promise<void> {
  const script = `
ip link add ${BRIDGE} type bridge
ip address add ${withPrefix(segment, 1)} dev ${BRIDGE}
ip link set ${BRIDGE} up
`;
  await runInNetns(netns, ['sh', '-e', '-c', script], { signal });
}

export interface Plug {
  readonly netns: string;
  /** Of the first node. */
  readonly into: string;
  readonly segment: string;
  readonly index: number;
}

/** The pair goes with either namespace. */
export async function plugIn({ netns, into, segment, index }: Plug, signal: AbortSignal): Promise<void> {
  const far = `node${index}`;
  const script = `
ip link add ${DEVICE} type veth peer name ${far} netns ${netnsPath(into)}
nsenter --net=${netnsPath(into)} ip link set ${far} master ${BRIDGE} up
ip address add ${withPrefix(segment, index)} dev ${DEVICE}
ip link set ${DEVICE} up
ip route add default via ${segmentAddress(segment, 1)}
`;
  await runInNetns(netns, ['sh', '-e', '-c', script], { signal });
}
