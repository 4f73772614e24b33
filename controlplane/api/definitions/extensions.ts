/**
 * Kinds whose objects can be kept although nothing here acts on them yet: webhooks and policies of admission, flow control, devices.
 */
import {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '#api/kinds/admissionregistration/policies.ts';
import { MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from '#api/kinds/admissionregistration/webhooks.ts';
import { FlowSchema, PriorityLevelConfiguration } from '#api/kinds/flowcontrol/v1.ts';
import { ResourceClaim, ResourceClaimTemplate } from '#api/kinds/resource/claims.ts';
import { DeviceClass, ResourceSlice } from '#api/kinds/resource/devices.ts';
import { dns1123Subdomain } from '#api/names.ts';
import { defineKind } from '#api/scheme.ts';
import { metadataOnly } from '#api/validation/named.ts';

export const validatingWebhookConfigurationKind = defineKind({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  schema: ValidatingWebhookConfiguration,
  plural: 'validatingwebhookconfigurations',
  namespaced: false,
  validate: metadataOnly({ namespaced: false, name: dns1123Subdomain }),
});
export const mutatingWebhookConfigurationKind = defineKind({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingWebhookConfiguration',
  schema: MutatingWebhookConfiguration,
  plural: 'mutatingwebhookconfigurations',
  namespaced: false,
  validate: metadataOnly({ namespaced: false, name: dns1123Subdomain }),
});
export const validatingAdmissionPolicyKind = defineKind({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  schema: ValidatingAdmissionPolicy,
  plural: 'validatingadmissionpolicies',
  namespaced: false,
  subresources: ['status'],
  validate: metadataOnly({ namespaced: false, name: dns1123Subdomain }),
});
export const validatingAdmissionPolicyBindingKind = defineKind({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  schema: ValidatingAdmissionPolicyBinding,
  plural: 'validatingadmissionpolicybindings',
  namespaced: false,
  validate: metadataOnly({ namespaced: false, name: dns1123Subdomain }),
});
export const mutatingAdmissionPolicyKind = defineKind({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingAdmissionPolicy',
  schema: MutatingAdmissionPolicy,
  plural: 'mutatingadmissionpolicies',
  namespaced: false,
  validate: metadataOnly({ namespaced: false, name: dns1123Subdomain }),
});
export const mutatingAdmissionPolicyBindingKind = defineKind({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingAdmissionPolicyBinding',
  schema: MutatingAdmissionPolicyBinding,
  plural: 'mutatingadmissionpolicybindings',
  namespaced: false,
  validate: metadataOnly({ namespaced: false, name: dns1123Subdomain }),
});
export const flowSchemaKind = defineKind({
  apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
  kind: 'FlowSchema',
  schema: FlowSchema,
  plural: 'flowschemas',
  namespaced: false,
  subresources: ['status'],
  validate: metadataOnly({ namespaced: false, name: dns1123Subdomain }),
});
export const priorityLevelConfigurationKind = defineKind({
  apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
  kind: 'PriorityLevelConfiguration',
  schema: PriorityLevelConfiguration,
  plural: 'prioritylevelconfigurations',
  namespaced: false,
  subresources: ['status'],
  validate: metadataOnly({ namespaced: false, name: dns1123Subdomain }),
});
export const deviceClassKind = defineKind({
  apiVersion: 'resource.k8s.io/v1',
  kind: 'DeviceClass',
  schema: DeviceClass,
  plural: 'deviceclasses',
  namespaced: false,
  validate: metadataOnly({ namespaced: false, name: dns1123Subdomain }),
});
export const resourceClaimKind = defineKind({
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceClaim',
  schema: ResourceClaim,
  plural: 'resourceclaims',
  namespaced: true,
  subresources: ['status'],
  validate: metadataOnly({ namespaced: true, name: dns1123Subdomain }),
});
export const resourceClaimTemplateKind = defineKind({
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceClaimTemplate',
  schema: ResourceClaimTemplate,
  plural: 'resourceclaimtemplates',
  namespaced: true,
  validate: metadataOnly({ namespaced: true, name: dns1123Subdomain }),
});
export const resourceSliceKind = defineKind({
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceSlice',
  schema: ResourceSlice,
  plural: 'resourceslices',
  namespaced: false,
  validate: metadataOnly({ namespaced: false, name: dns1123Subdomain }),
});
