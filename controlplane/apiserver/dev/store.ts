/** An embedded store for a development server whose state shall outlive it. */
import type { Clock } from '#base/clock.ts';
import { EmbeddedStore } from '../storage/embedded.ts';
import type { Store } from '../storage/store.ts';

export const openStore = (dir: string, clock: Clock): Promise<Store> => EmbeddedStore.open({ dir, clock });
