/**
 * ImageLocality: nodes that have the images already; an image that is on few nodes counts less, so that not all pods go there.
 * Source: upstream's bounds: 23 MB is nothing, 1000 MB a container is the most.
 */
import { MOST_SCORE, type Plugin } from '../core/plugin.ts';

const LEAST_BYTES = 23 * 1024 * 1024;
const MOST_BYTES_EACH = 1_000 * 1024 * 1024;

export const imageLocality: Plugin = {
  name: 'ImageLocality',
  score: ({ pod }, cluster) => {
    const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
    const images = containers.map(({ image = '' }) => normalized(image)).filter((image) => cluster.nodesWith(image) > 0);
    if (images.length === 0) return { score: () => 0 };
    const all = cluster.nodes.length;
    const most = MOST_BYTES_EACH * containers.length;
    return {
      score: (node) => {
        let sum = 0;
        for (const image of images) {
          const bytes = node.images.get(image);
          if (bytes !== undefined) sum += Math.trunc((bytes * cluster.nodesWith(image)) / all);
        }
        const within = Math.min(Math.max(sum, LEAST_BYTES), most);
        return Math.floor((MOST_SCORE * (within - LEAST_BYTES)) / (most - LEAST_BYTES));
      },
    };
  },
  helps: () => false,
};

/** Nodes report tags and digests; without either, latest is meant. */
function normalized(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
}
