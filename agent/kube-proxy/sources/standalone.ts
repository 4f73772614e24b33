/**
 * Services without any control plane: documents of a directory, and the node's own pods as the kubelet tells of them.
 *
 * The first complete look at the directory, and where a service has a selector the first answer of the kubelet, make the source complete.
 * A kubelet that does not answer is not a node without pods: what it said last stays.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Service } from '#api/kinds/core/service.ts';
import type { EndpointSlice } from '#api/kinds/discovery/v1.ts';
import type { Logger } from '#base/log.ts';
import type { DirectoryLook, WatchWords } from '../../linux/watchDirectory.ts';
import { SERVICE_NAME_LABEL } from '../endpoints.ts';
import type { ObjectStore } from '../objects.ts';
import { idOf, NO_DOCUMENTS, updateDocuments, viewOf, type DocumentSet, type DocumentView, type FileReading } from './documents.ts';
import { slicesOfEndpoints, slicesOfPods, withHints } from './selector.ts';

export const SERVICE_WORDS: WatchWords = {
  cannotWatch: 'Cannot watch the directory of services, it is read now and then instead',
  cannotRead: 'Cannot read the directory of services, the rules stay as they are',
  passedOver: 'Passed over a file that is no document of services',
  stillWritten: 'Document is still being written, it is read when its writer closes it',
  plural: 'documents',
  missingCode: 'SERVICES_DIR_MISSING',
};

export interface StandaloneOptions {
  readonly store: ObjectStore;
  readonly log: Logger;
  readonly nodeName: string;
  readonly onChange: () => void;
}

export class StandaloneSource {
  readonly #options: StandaloneOptions;
  readonly #told = new Map<string, string>();
  #set: DocumentSet = NO_DOCUMENTS;
  #view: DocumentView = viewOf(NO_DOCUMENTS);
  #pods: readonly Pod[] | undefined;
  #hasLooked = false;
  #given = new Map<string, Service>();
  #givenSlices = new Map<string, { slice: EndpointSlice; text: string }>();

  constructor(options: StandaloneOptions) {
    this.#options = options;
  }

  /** Everything that can be known is in the store. */
  get isComplete(): boolean {
    return this.#hasLooked && (this.#pods !== undefined || !this.wantsPods);
  }

  /** Some service has a selector: the kubelet has to be asked. */
  get wantsPods(): boolean {
    return this.#services().some(({ spec }) => Object.keys(spec.selector ?? {}).length > 0);
  }

  view(): DocumentView {
    return this.#view;
  }

  take({ readings, present }: DirectoryLook<FileReading>): void {
    this.#set = updateDocuments(this.#set, readings, present);
    this.#view = viewOf(this.#set);
    this.#hasLooked = true;
    this.#tell(readings);
    this.#give();
  }

  setPods(pods: readonly Pod[]): void {
    this.#pods = pods;
    this.#give();
  }

  /** The kubelet does not answer and will not be waited for: services with a selector have no endpoints until it does. */
  goOnWithoutPods(): void {
    if (this.#pods === undefined) this.setPods([]);
  }

  #services(): Service[] {
    return [...this.#view.objects.values()].flatMap((o) => (o.kind === 'Service' ? [o.object] : []));
  }

  #give(): void {
    const { store, nodeName, onChange } = this.#options;
    if (!this.isComplete) return;
    const services = new Map(this.#services().map((s) => [`${s.metadata.namespace}/${s.metadata.name}`, s]));
    const slices = new Map<string, EndpointSlice>();
    for (const object of this.#view.objects.values()) {
      if (object.kind === 'EndpointSlice') slices.set(object.key, this.#hinted(object.object, services));
      const service = object.kind === 'Endpoints' ? services.get(object.key) : undefined;
      if (object.kind === 'Endpoints' && service !== undefined) {
        for (const slice of slicesOfEndpoints(service, object.object)) slices.set(generatedKey(slice), withHints(service, slice));
      }
    }
    for (const service of services.values()) {
      for (const slice of slicesOfPods(service, this.#pods ?? [], nodeName)) slices.set(generatedKey(slice), withHints(service, slice));
    }
    for (const key of this.#given.keys()) if (!services.has(key)) store.setService(key, undefined);
    for (const [key, service] of services) if (this.#given.get(key) !== service) store.setService(key, service);
    const next = new Map([...slices].map(([key, slice]) => [key, { slice, text: JSON.stringify(slice) }]));
    for (const key of this.#givenSlices.keys()) if (!next.has(key)) store.setSlice(key, undefined);
    for (const [key, { slice, text }] of next) if (this.#givenSlices.get(key)?.text !== text) store.setSlice(key, slice);
    this.#given = services;
    this.#givenSlices = next;
    if (store.pending > 0) onChange();
  }

  #hinted(slice: EndpointSlice, services: ReadonlyMap<string, Service>): EndpointSlice {
    const service = services.get(`${slice.metadata.namespace}/${slice.metadata.labels?.[SERVICE_NAME_LABEL]}`);
    return service === undefined ? slice : withHints(service, slice);
  }

  #tell(readings: ReadonlyMap<string, FileReading>): void {
    const byFile = Map.groupBy(this.#view.refusals, (r) => r.file);
    for (const file of this.#told.keys()) if (!byFile.has(file)) this.#told.delete(file);
    for (const [file, refusals] of byFile) {
      const text = refusals.map((r) => r.problem.message).join('\n');
      if (this.#told.get(file) === text && !readings.has(file)) continue;
      this.#told.set(file, text);
      const has = new Set(this.#set.files.get(file)?.objects.map(idOf));
      for (const { problem } of refusals) {
        const { object, code } = problem;
        const stays = code !== 'DOCUMENT_DUPLICATE' && (object === undefined ? has.size > 0 : has.has(object));
        const at = problem.line === undefined ? file : `${file}:${problem.line}:${problem.column}`;
        this.#options.log.error('Refused document', {
          object,
          file: at,
          err: problem.message,
          code,
          kept: stays ? 'its last good version stays' : undefined,
        });
      }
    }
  }
}

/** Not to be mixed up with a document of the same name: "#" is in no name. */
function generatedKey(slice: EndpointSlice): string {
  return `${slice.metadata.namespace}/${slice.metadata.name}#`;
}
