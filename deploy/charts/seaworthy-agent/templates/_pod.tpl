{{/* The pod, which a Deployment or a StatefulSet runs. */}}
{{- define "agent.pod" -}}
{{- $name := include "agent.fullname" . -}}
metadata:
  labels:
    {{- include "agent.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # Other settings are other pods.
    seaworthy.dev/settings: {{ include "agent.settings" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "agent.serviceAccount" . }}
  # The token is mounted below, for this container alone and for an hour at a time.
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- if .Values.hostNetwork }}
  hostNetwork: true
  dnsPolicy: ClusterFirstWithHostNet
  {{- end }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    {{- include "agent.podSecurityContext" . | nindent 4 }}
  containers:
  - name: agent
    image: {{ include "agent.image" . | quote }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    args:
    - agent
    - --config=/etc/seaworthy/seaworthy.yaml
    - --server={{ .Values.server.url }}
    {{- if .Values.server.caSecretName }}
    - --server-ca=/run/seaworthy/server/{{ .Values.server.caSecretKey }}
    {{- end }}
    - --enrolment-file=/run/seaworthy/enrolment/{{ .Values.enrolment.secretKey }}
    - --spool=/var/lib/seaworthy
    - --spool-limit={{ int64 .Values.spool.limit }}
    - --name={{ $name }}
    - --listen=:8443
    - --metrics-listen=:9090
    - --log-format={{ .Values.logFormat }}
    - --log-level={{ .Values.logLevel }}
    {{- range .Values.extraArgs }}
    - {{ . | quote }}
    {{- end }}
    env:
    - name: POD_NAME
      valueFrom:
        fieldRef: {fieldPath: metadata.name}
    - name: POD_NAMESPACE
      valueFrom:
        fieldRef: {fieldPath: metadata.namespace}
    - name: GOMEMLIMIT
      value: {{ .Values.goMemoryLimit | quote }}
    ports:
    - name: webhook
      containerPort: 8443
      protocol: TCP
    - name: metrics
      containerPort: 9090
      protocol: TCP
    startupProbe:
      httpGet: {path: /healthz, port: metrics}
      periodSeconds: 5
      failureThreshold: 60
    livenessProbe:
      httpGet: {path: /healthz, port: metrics}
      periodSeconds: 20
      timeoutSeconds: 5
      failureThreshold: 6
    readinessProbe:
      httpGet: {path: /readyz, port: metrics}
      periodSeconds: 5
      timeoutSeconds: 5
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      runAsNonRoot: true
      capabilities:
        drop: [ALL]
      seccompProfile:
        type: RuntimeDefault
    resources:
      {{- toYaml .Values.resources | nindent 6 }}
    volumeMounts:
    - {name: api, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
    - {name: settings, mountPath: /etc/seaworthy, readOnly: true}
    - {name: spool, mountPath: /var/lib/seaworthy}
    - {name: tmp, mountPath: /tmp}
    - {name: enrolment, mountPath: /run/seaworthy/enrolment, readOnly: true}
    {{- if .Values.server.caSecretName }}
    - {name: server, mountPath: /run/seaworthy/server, readOnly: true}
    {{- end }}
    {{- if .Values.credentials.secretName }}
    - {name: credentials, mountPath: /run/seaworthy/credentials, readOnly: true}
    {{- end }}
    {{- if .Values.audit.tokenSecretName }}
    - {name: audit, mountPath: /run/seaworthy/audit, readOnly: true}
    {{- end }}
    {{- if and .Values.admission.enabled .Values.admission.certManager.enabled }}
    - {name: certificate, mountPath: /run/seaworthy/certificate, readOnly: true}
    {{- end }}
    {{- with .Values.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
  - name: api
    projected:
      defaultMode: 0440
      sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3607}
      - configMap:
          name: kube-root-ca.crt
          items: [{key: ca.crt, path: ca.crt}]
      - downwardAPI:
          items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]
  - name: settings
    secret: {secretName: {{ $name }}-settings, defaultMode: 0440}
  {{- if not .Values.spool.persistence.enabled }}
  - name: spool
    emptyDir: {sizeLimit: {{ .Values.spool.size }}}
  {{- end }}
  - name: tmp
    emptyDir: {sizeLimit: 512Mi}
  # Once the agent is enrolled, the token is of no use and its Secret may go.
  - name: enrolment
    secret: {secretName: {{ .Values.enrolment.secretName }}, optional: true, defaultMode: 0440}
  {{- if .Values.server.caSecretName }}
  - name: server
    secret: {secretName: {{ .Values.server.caSecretName }}, defaultMode: 0440}
  {{- end }}
  {{- if .Values.credentials.secretName }}
  - name: credentials
    secret: {secretName: {{ .Values.credentials.secretName }}, defaultMode: 0440}
  {{- end }}
  {{- if .Values.audit.tokenSecretName }}
  - name: audit
    secret: {secretName: {{ .Values.audit.tokenSecretName }}, defaultMode: 0440}
  {{- end }}
  {{- if and .Values.admission.enabled .Values.admission.certManager.enabled }}
  - name: certificate
    secret: {secretName: {{ $name }}-serving, defaultMode: 0440}
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  affinity:
  {{- if .Values.affinity }}
    {{- toYaml .Values.affinity | nindent 4 }}
  {{- else }}
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "agent.selector" . | nindent 14 }}
  {{- end }}
  topologySpreadConstraints:
  {{- if .Values.topologySpreadConstraints }}
    {{- toYaml .Values.topologySpreadConstraints | nindent 2 }}
  {{- else }}
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "agent.selector" . | nindent 8 }}
  {{- end }}
{{- end -}}
