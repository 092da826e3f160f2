{{- define "seaworthy.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "seaworthy.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "seaworthy.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "seaworthy.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "seaworthy.selector" -}}
app.kubernetes.io/name: {{ include "seaworthy.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end -}}

{{- define "seaworthy.labels" -}}
{{ include "seaworthy.selector" . }}
app.kubernetes.io/part-of: seaworthy
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "seaworthy.serviceAccount" -}}
{{- default (include "seaworthy.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "seaworthy.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag -}}
{{- if .Values.image.digest -}}
{{- printf "%s:%s@%s" .Values.image.repository $tag .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository $tag -}}
{{- end -}}
{{- end -}}

{{/* OpenShift gives each namespace users and groups of its own, and refuses others. */}}
{{- define "seaworthy.openshift" -}}
{{- if eq (toString .Values.openshift) "auto" -}}
{{- if .Capabilities.APIVersions.Has "security.openshift.io/v1" -}}true{{- end -}}
{{- else if eq (toString .Values.openshift) "true" -}}true{{- end -}}
{{- end -}}

{{- define "seaworthy.podSecurityContext" -}}
{{- $base := dict "runAsNonRoot" true "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- if not (include "seaworthy.openshift" .) -}}
{{- $base = merge $base (dict "runAsUser" 65532 "runAsGroup" 65532 "fsGroup" 65532 "fsGroupChangePolicy" "OnRootMismatch") -}}
{{- end -}}
{{- toYaml (mergeOverwrite $base .Values.podSecurityContext) -}}
{{- end -}}

{{/* Where browsers reach the server. */}}
{{- define "seaworthy.baseURL" -}}
{{- if .Values.baseURL -}}
{{- .Values.baseURL -}}
{{- else if and .Values.ingress.enabled .Values.ingress.host -}}
{{- printf "https://%s" .Values.ingress.host -}}
{{- else -}}
{{- fail "set baseURL, the address at which browsers reach the server, such as https://seaworthy.example.com" -}}
{{- end -}}
{{- end -}}

{{/* Values that do not go together, in words. */}}
{{- define "seaworthy.check" -}}
{{- $v := .Values -}}
{{- $several := gt (int $v.replicas) 1 -}}
{{- if and $several (not $v.database.secretName) -}}
{{- fail "several replicas need PostgreSQL: set database.secretName, or replicas to 1" -}}
{{- end -}}
{{- if and $several (not $v.keys.secretName) -}}
{{- fail "several replicas share the two keys of the server: set keys.secretName" -}}
{{- end -}}
{{- if and $several (not $v.s3.url) (not (has "ReadWriteMany" $v.persistence.accessModes)) -}}
{{- fail "several replicas share the bytes of evidence: set s3.url, or persistence.accessModes to [ReadWriteMany]" -}}
{{- end -}}
{{- if and (not $v.persistence.enabled) (or (not $v.database.secretName) (not $v.s3.url) (not $v.keys.secretName)) -}}
{{- fail "without a volume the server would forget: set database.secretName, s3.url and keys.secretName, or persistence.enabled to true" -}}
{{- end -}}
{{- if and $v.signOn.issuer (not $v.signOn.clientId) -}}
{{- fail "signOn.issuer needs signOn.clientId" -}}
{{- end -}}
{{- if and $v.ingress.enabled (not $v.ingress.host) -}}
{{- fail "ingress.enabled needs ingress.host" -}}
{{- end -}}
{{- if and $v.ingress.enabled (not $v.ingress.tlsSecretName) -}}
{{- fail "ingress.enabled needs ingress.tlsSecretName, the Secret with its certificate: people sign in here" -}}
{{- end -}}
{{- if and $v.networkPolicy.enabled $v.networkPolicy.defaultDeny (has .Release.Namespace (list "default" "kube-system")) -}}
{{- fail (printf "the chart denies all other traffic of its namespace, and %s is not its own: choose a namespace such as seaworthy, or set networkPolicy.defaultDeny to false" .Release.Namespace) -}}
{{- end -}}
{{- end -}}
