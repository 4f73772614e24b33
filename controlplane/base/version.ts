/** The version of everything in this repository; a test keeps it equal to package.json. */
export const VERSION = '0.1.0';

/** What our components say they are to clients of Kubernetes, which read the minor release out of it and what we speak. */
export const RELEASE = `v1.36.0+kijabi.${VERSION}`;
