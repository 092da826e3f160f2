{{- define "agent.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "agent.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "agent.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "agent.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "agent.selector" -}}
app.kubernetes.io/name: {{ include "agent.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: agent
{{- end -}}

{{- define "agent.labels" -}}
{{ include "agent.selector" . }}
app.kubernetes.io/part-of: seaworthy
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "agent.serviceAccount" -}}
{{- default (include "agent.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "agent.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag -}}
{{- if .Values.image.digest -}}
{{- printf "%s:%s@%s" .Values.image.repository $tag .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository $tag -}}
{{- end -}}
{{- end -}}

{{/* OpenShift gives each namespace users and groups of its own, and refuses others. */}}
{{- define "agent.openshift" -}}
{{- if eq (toString .Values.openshift) "auto" -}}
{{- if .Capabilities.APIVersions.Has "security.openshift.io/v1" -}}true{{- end -}}
{{- else if eq (toString .Values.openshift) "true" -}}true{{- end -}}
{{- end -}}

{{- define "agent.podSecurityContext" -}}
{{- $base := dict "runAsNonRoot" true "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- if not (include "agent.openshift" .) -}}
{{- $base = merge $base (dict "runAsUser" 65532 "runAsGroup" 65532 "fsGroup" 65532 "fsGroupChangePolicy" "OnRootMismatch") -}}
{{- end -}}
{{- toYaml (mergeOverwrite $base .Values.podSecurityContext) -}}
{{- end -}}

{{/* The Secrets that the Pod mounts: what the agent works with. */}}
{{- define "agent.mounted" -}}
{{- $v := .Values -}}
{{- $name := include "agent.fullname" . -}}
{{- $out := list (printf "%s-settings" $name) $v.enrolment.secretName $v.server.caSecretName $v.credentials.secretName $v.audit.tokenSecretName -}}
{{- if and $v.admission.enabled $v.admission.certManager.enabled -}}
{{- $out = append $out (printf "%s-serving" $name) -}}
{{- end -}}
{{- range $v.extraVolumes -}}
{{- with .secret -}}{{- $out = append $out .secretName -}}{{- end -}}
{{- with .projected -}}{{- range .sources -}}{{- with .secret -}}{{- $out = append $out .name -}}{{- end -}}{{- end -}}{{- end -}}
{{- end -}}
{{- compact $out | uniq | toJson -}}
{{- end -}}

{{/* The Secrets that the agent follows by name, as it may not list any others: those that it
keeps, and those that it works with. */}}
{{- define "agent.followed" -}}
{{- $name := include "agent.fullname" . -}}
{{- $out := list (printf "%s-key" $name) -}}
{{- if .Values.admission.enabled -}}
{{- $out = append $out (printf "%s-certificate" $name) -}}
{{- end -}}
{{- concat $out (include "agent.mounted" . | fromJsonArray) | uniq | toJson -}}
{{- end -}}

{{/* The settings: what the user wrote, and what follows from values. Helm reads YAML 1.1,
to which off is a boolean; it is the word again here. */}}
{{- define "agent.settings" -}}
{{- $v := .Values -}}
{{- $admission := dict "off" (not $v.admission.enabled) -}}
{{- if $v.admission.enabled -}}
{{- $_ := set $admission "mode" (ternary "off" $v.admission.mode (eq (toString $v.admission.mode) "false")) -}}
{{- $_ := set $admission "failurePolicy" $v.admission.failurePolicy -}}
{{- if $v.admission.certManager.enabled -}}
{{- $_ := set $admission "certificate" "/run/seaworthy/certificate/tls.crt" -}}
{{- $_ := set $admission "key" "/run/seaworthy/certificate/tls.key" -}}
{{- $_ := set $admission "authority" "/run/seaworthy/certificate/ca.crt" -}}
{{- end -}}
{{- end -}}
{{- $agent := dict "admission" $admission -}}
{{- if $v.audit.tokenSecretName -}}
{{- $_ := set $agent "audit" (dict "tokenFile" (printf "/run/seaworthy/audit/%s" $v.audit.tokenSecretKey)) -}}
{{- end -}}
{{- if $v.openReports.enabled -}}
{{- $_ := set $agent "reports" (dict "openReports" true) -}}
{{- end -}}
{{- $_ := set $agent "secrets" (include "agent.mounted" . | fromJsonArray) -}}
{{- $own := dict "agent" $agent -}}
{{- if $v.secrets.enabled -}}
{{- $_ := set $own "cluster" (dict "secrets" true) -}}
{{- end -}}
{{- $text := toYaml (mergeOverwrite (deepCopy $v.settings) $own) -}}
{{- $text = regexReplaceAll "(?m)^(\\s*(?:- )?)\"false\":" $text "${1}\"off\":" -}}
{{- regexReplaceAll "(?m)^(\\s*(?:- )?mode): false$" $text "${1}: \"off\"" -}}
{{- end -}}

{{/* The rights, of a file that is made from the program's own list. */}}
{{- define "agent.rights" -}}
{{- .Files.Get "files/rights.yaml" | replace "NAME" (include "agent.fullname" .) -}}
{{- end -}}

{{/* Values that do not go together, in words. */}}
{{- define "agent.check" -}}
{{- $v := .Values -}}
{{- if not $v.server.url -}}
{{- fail "set server.url, the address of the server, such as https://seaworthy.example.com" -}}
{{- end -}}
{{- if not $v.enrolment.secretName -}}
{{- fail "set enrolment.secretName, the Secret with the token that the server shows once when a cluster is added" -}}
{{- end -}}
{{- if and $v.admission.certManager.enabled (not $v.admission.certManager.issuerName) -}}
{{- fail "admission.certManager needs issuerName" -}}
{{- end -}}
{{- if and $v.networkPolicy.enabled $v.networkPolicy.defaultDeny (has .Release.Namespace (list "default" "kube-system")) -}}
{{- fail (printf "the chart denies all other traffic of its namespace, and %s is not its own: choose a namespace such as seaworthy, or set networkPolicy.defaultDeny to false" .Release.Namespace) -}}
{{- end -}}
{{- $settings := default dict $v.settings.agent -}}
{{- range list "off" "mode" "failurePolicy" "certificate" "key" "authority" -}}
{{- if hasKey (default dict $settings.admission) . -}}
{{- fail (printf "set admission.* of the chart, not settings.agent.admission.%s" .) -}}
{{- end -}}
{{- end -}}
{{- if hasKey $settings "secrets" -}}
{{- fail "settings.agent.secrets is what the chart mounts (credentials.secretName, extraVolumes): the right goes with it" -}}
{{- end -}}
{{- if hasKey (default dict $settings.reports) "openReports" -}}
{{- fail "set openReports.enabled of the chart, not settings.agent.reports.openReports: the right goes with it" -}}
{{- end -}}
{{- if hasKey (default dict $v.settings.cluster) "secrets" -}}
{{- fail "set secrets.enabled of the chart, not settings.cluster.secrets: the right goes with it" -}}
{{- end -}}
{{- end -}}
