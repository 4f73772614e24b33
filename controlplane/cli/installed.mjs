// Exit code 0: node_modules of the repository named by the argument holds what its package-lock.json asks for.
// Plain JavaScript, because it runs before anything is known to be in place.
import { readFileSync } from 'node:fs';

const root = process.argv[2];
const packages = (file) => JSON.parse(readFileSync(`${root}/${file}`, 'utf8')).packages;

function fits() {
  const wanted = packages('package-lock.json');
  const present = packages('node_modules/.package-lock.json');
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (path === '') return true;
    const found = present[path];
    // An optional one is left out where it does not fit the machine.
    return found === undefined ? optional === true : found.version === version && found.integrity === integrity;
  });
}

try {
  process.exitCode = fits() ? 0 : 1;
} catch {
  process.exitCode = 1; // no list, no packages
}
