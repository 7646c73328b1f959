{{/* What the operator does in the namespaces of its pipelines. Each rule says what for; nothing is a wildcard. */}}
{{- define "cryptopipeline.pipelineRules" -}}
# The pipelines. Patched is only metadata.finalizers, under deletionPolicy Delete; the spec is never written.
- apiGroups: [cryptopipeline.dev]
  resources: [cryptopipelines]
  verbs: [get, list, watch, patch]
- apiGroups: [cryptopipeline.dev]
  resources: [cryptopipelines/status]
  verbs: [patch]
# Owner references on what a pipeline is made of, where the cluster asks for it (OwnerReferencesPermissionEnforcement).
- apiGroups: [cryptopipeline.dev]
  resources: [cryptopipelines/finalizers]
  verbs: [update]
# What a pipeline is made of: applied, and deleted when the spec no longer asks for it.
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [list, create, patch, delete]
- apiGroups: [""]
  resources: [configmaps, serviceaccounts, services]
  verbs: [list, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list, create, patch, delete]
# Volumes: the NameNode's is created before its format; all are read for adoption, annotated with the cluster that they
# belong to, grown, and deleted under deletionPolicy Delete.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [list, create, patch, delete]
# Members: read to see what waits, deleted one at a time for a rolling restart. Patched is only an annotation of ingest's pods,
# so that changed symbols reach them at once.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, patch, delete]
# A member that serves is evicted, so that its restart respects its disruption budget as a drain does.
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
# Told of pipelines; read only while pods are missing, because a StatefulSet says nowhere else that a quota or a policy refuses them.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [list, create, patch]
{{- end -}}

{{/* What the operator reads of the cluster. */}}
{{- define "cryptopipeline.clusterRules" -}}
# Zones of a placement, and whether any node satisfies it.
- apiGroups: [""]
  resources: [nodes]
  verbs: [list]
# Whether a volume can grow.
- apiGroups: [storage.k8s.io]
  resources: [storageclasses]
  verbs: [get]
{{- end -}}
