{{/* What the operator does in the namespaces of its pipelines. Each rule says what for; nothing is a wildcard. */}}
{{- define "cryptopipeline.pipelineRules" -}}
# The pipelines, and their status by server-side apply. The spec is never written.
- apiGroups: [cryptopipeline.dev]
  resources: [cryptopipelines]
  verbs: [get, list, watch]
- apiGroups: [cryptopipeline.dev]
  resources: [cryptopipelines/status]
  verbs: [get, patch]
# What a pipeline is made of: applied, watched, and deleted when the spec no longer asks for it.
- apiGroups: [apps]
  resources: [statefulsets, deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services, configmaps, serviceaccounts]
  verbs: [get, list, watch, create, patch, delete]
# Volumes: read for adoption, annotated with the cluster they belong to, grown, and deleted under deletionPolicy Delete.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, patch, delete]
# Members: read to see what waits, deleted one at a time for a rolling restart.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, delete]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/* What the operator reads of the cluster. */}}
{{- define "cryptopipeline.clusterRules" -}}
# Zones of a placement, and whether any node satisfies it.
- apiGroups: [""]
  resources: [nodes]
  verbs: [get, list, watch]
{{- end -}}
