/**
 * Asks the kernel whether anybody wrote packet filter rules since we looked last, in microseconds and without starting a program.
 *
 * nf_tables counts its transactions in this network namespace, whoever makes them; ip_tables gives the number and the size of the rules
 * of a table, which hardly ever stay the same when rules do not; IPVS gives the number of its IPv4 virtual servers. Node has neither netlink nor raw socket options, so libc is called directly.
 *
 * Throws: never; undefined where the kernel cannot be asked (no CAP_NET_ADMIN, no nf_tables, no ip_tables, no ip_vs).
 * Source: linux/netlink.h, linux/netfilter/nf_tables.h (NFT_MSG_GETGEN), linux/netfilter_ipv4/ip_tables.h (struct ipt_getinfo, 84 bytes),
 * linux/ip_vs.h (IP_VS_SO_GET_INFO, struct ip_vs_getinfo: version, size, number of services).
 */
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2_000_000;
const NETLINK_NETFILTER = 12;
const IPPROTO_IP = 0;
const IPPROTO_IPV6 = 41;
const IPPROTO_RAW = 255;
const MSG_DONTWAIT = 0x40;
const SO_GET_INFO = 64;
const GET_GENERATION = 0x0a10;
const NEW_GENERATION = 0x0a0f;
const GENERATION_ID = 1;
const INFO_BYTES = 84;
const IP_VS_SO_GET_INFO = 1_153;
const IP_VS_INFO_BYTES = 12;

/** How often somebody else wrote rules, as far as one can tell; undefined where the kernel cannot be asked. Only differences mean something. */
export interface RuleWatch {
  foreignWrites(): number | undefined;
  /** To be told of own transactions right after them. */
  wrote(transactions: number): void;
}

export interface RuleGeneration {
  /** All watches of nf_tables share one count: the kernel has one per network namespace. */
  nft(): RuleWatch;
  legacy(family: 'IPv4' | 'IPv6', tables: readonly string[]): RuleWatch;
  /** One for both families: they share one number. */
  ipvs(): RuleWatch;
  close(): void;
}

export async function openRuleGeneration(): Promise<RuleGeneration> {
  const { dlopen } = await import('node:ffi');
  const { functions: libc } = dlopen(null, {
    socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
    sendto: { arguments: ['i32', 'buffer', 'u64', 'i32', 'buffer', 'u32'], return: 'i64' },
    recv: { arguments: ['i32', 'buffer', 'u64', 'i32'], return: 'i64' },
    getsockopt: { arguments: ['i32', 'i32', 'i32', 'buffer', 'buffer'], return: 'i32' },
    close: { arguments: ['i32'], return: 'i32' },
  });
  const open = (domain: number, protocol: number): number => libc.socket(domain, SOCK_RAW_CLOEXEC, protocol);
  const netlink = open(AF_NETLINK, NETLINK_NETFILTER);
  const raw = { IPv4: open(AF_INET, IPPROTO_RAW), IPv6: open(AF_INET6, IPPROTO_RAW) };
  const kernel = Buffer.alloc(12);
  kernel.writeUInt16LE(AF_NETLINK, 0);
  const request = Buffer.alloc(20);
  request.writeUInt32LE(request.length, 0);
  request.writeUInt16LE(GET_GENERATION, 4);
  request.writeUInt16LE(1, 6); // NLM_F_REQUEST
  const answer = Buffer.alloc(4_096);
  const generation = (): number | undefined => {
    if (netlink < 0) return undefined;
    if (Number(libc.sendto(netlink, request, BigInt(request.length), 0, kernel, kernel.length)) !== request.length) return undefined;
    // The kernel has answered by the time sendto returns.
    const got = Number(libc.recv(netlink, answer, BigInt(answer.length), MSG_DONTWAIT));
    return got > 0 ? parseGeneration(answer.subarray(0, got)) : undefined;
  };
  const ask = (fd: number, level: number, what: number, info: Buffer): Buffer | undefined => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(info.length, 0);
    return fd >= 0 && libc.getsockopt(fd, level, what, info, length) === 0 ? info : undefined;
  };
  const tableInfo = (family: 'IPv4' | 'IPv6', tables: readonly string[]): string | undefined => {
    const fd = raw[family];
    const found = tables.map((table) => {
      const info = Buffer.alloc(INFO_BYTES);
      info.write(table, 'latin1');
      return ask(fd, family === 'IPv4' ? IPPROTO_IP : IPPROTO_IPV6, SO_GET_INFO, info)
        ?.subarray(32)
        .toString('hex');
    });
    return found.includes(undefined) ? undefined : found.join(' ');
  };
  const virtualServers = (): string | undefined =>
    ask(raw.IPv4, IPPROTO_IP, IP_VS_SO_GET_INFO, Buffer.alloc(IP_VS_INFO_BYTES))?.subarray(8).toString('hex');
  let own = 0;
  const nft: RuleWatch = {
    foreignWrites() {
      const all = generation();
      return all === undefined ? undefined : all - own;
    },
    wrote: (transactions) => void (own += transactions),
  };
  const servers = watchOf(virtualServers);
  return {
    nft: () => nft,
    legacy: (family, tables) => watchOf(() => tableInfo(family, tables)),
    ipvs: () => servers,
    close() {
      for (const fd of [netlink, raw.IPv4, raw.IPv6]) if (fd >= 0) libc.close(fd);
    },
  };
}

/** Of what the kernel tells now: it is somebody else's doing when it is not as it was after our last write. */
export function watchOf(read: () => string | undefined): RuleWatch {
  let foreign = 0;
  let last = read();
  return {
    foreignWrites() {
      const now = read();
      if (now === undefined) return undefined;
      if (now !== last) foreign += 1;
      last = now;
      return foreign;
    },
    wrote: () => void (last = read()),
  };
}

/** Pure. The number in one netlink message; undefined for an error message. */
export function parseGeneration(message: Buffer): number | undefined {
  if (message.length < 20 || message.readUInt16LE(4) !== NEW_GENERATION) return undefined;
  for (let at = 20; at + 8 <= message.length;) {
    const length = message.readUInt16LE(at);
    if (length < 4) break;
    if ((message.readUInt16LE(at + 2) & 0x3fff) === GENERATION_ID) return message.readUInt32BE(at + 4);
    at += (length + 3) & ~3;
  }
  return undefined;
}
