{{/* Name of every object of the operator. One operator runs all pipelines of a cluster, so the release's name is enough. */}}
{{- define "cryptopipeline.name" -}}
{{- if contains "cryptopipeline" .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}-operator
{{- else -}}
{{- printf "%s-cryptopipeline" .Release.Name | trunc 50 | trimSuffix "-" }}-operator
{{- end -}}
{{- end -}}

{{- define "cryptopipeline.selectorLabels" -}}
app.kubernetes.io/name: cryptopipeline-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "cryptopipeline.labels" -}}
{{ include "cryptopipeline.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* Required node affinity: labels and expressions in one term, so that all of them hold. */}}
{{- define "cryptopipeline.nodeExpressions" -}}
{{- range $key, $value := .Values.placement.nodeLabels }}
- key: {{ $key }}
  operator: In
  values: [{{ $value | quote }}]
{{- end }}
{{- with .Values.placement.nodeExpressions }}
{{ toYaml . }}
{{- end }}
{{- end -}}
