// SPDX-License-Identifier: Apache-2.0

package references

import (
	"maps"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// makers are the custom resources for which a controller makes Secrets or ConfigMaps.
var makers = []struct {
	group, kind string
	make        func(*provided, *snapshot.Object) error
}{
	{"bitnami.com", "SealedSecret", sealed},
	{"external-secrets.io", "ExternalSecret", external},
	{"external-secrets.io", "ClusterExternalSecret", clusterExternal},
	{"kubernetes-client.io", "ExternalSecret", own("Secret", "%n")},
	{"cert-manager.io", "Certificate", certificate},
	{"secrets-store.csi.x-k8s.io", "SecretProviderClass", providerClass},
	{"trust.cert-manager.io", "Bundle", bundle},
	{"secrets.hashicorp.com", "VaultStaticSecret", named},
	{"secrets.hashicorp.com", "VaultDynamicSecret", named},
	{"secrets.hashicorp.com", "VaultPKISecret", named},
	{"secrets.hashicorp.com", "HCPVaultSecretsApp", named},
	{"secrets.infisical.com", "InfisicalSecret", named},
	{"secrets.doppler.com", "DopplerSecret", named},
	{"k8s.bitwarden.com", "BitwardenSecret", named},
	{"services.cloud.sap.com", "ServiceBinding", named},
	{"servicecatalog.k8s.io", "ServiceBinding", named},
	{"isindir.github.com", "SopsSecret", named},
	{"ricoberger.de", "VaultSecret", own("Secret", "%n")},
	{"koudingspawn.de", "Vault", own("Secret", "%n")},
	{"onepassword.com", "OnePasswordItem", own("Secret", "%n")},
	{"secretgenerator.mittwald.de", "StringSecret", own("Secret", "%n")},
	{"secretgenerator.mittwald.de", "SSHKeyPair", own("Secret", "%n")},
	{"secretgenerator.mittwald.de", "BasicAuth", own("Secret", "%n")},
	{"secretgen.k14s.io", "Password", own("Secret", "%n")},
	{"secretgen.k14s.io", "Certificate", own("Secret", "%n")},
	{"secretgen.k14s.io", "RSAKey", own("Secret", "%n")},
	{"secretgen.k14s.io", "SSHKey", own("Secret", "%n")},
	{"secretgen.carvel.dev", "SecretTemplate", own("Secret", "%n")},
	{"secretgen.carvel.dev", "SecretImport", own("Secret", "%n")},
	{"objectbucket.io", "ObjectBucketClaim", both},
	{"postgresql.cnpg.io", "Cluster", own("Secret", "%n-app", "%n-superuser", "%n-ca", "%n-server", "%n-replication")},
	{"postgres-operator.crunchydata.com", "PostgresCluster", postgresUsers("%n-pguser-%u", "%n-cluster-cert")},
	{"acid.zalan.do", "postgresql", zalandoUsers},
	{"kafka.strimzi.io", "Kafka", own("Secret", "%n-cluster-ca-cert", "%n-clients-ca-cert", "%n-cluster-ca", "%n-clients-ca")},
	{"kafka.strimzi.io", "KafkaUser", own("Secret", "%n")},
	{"elasticsearch.k8s.elastic.co", "Elasticsearch", own("Secret", "%n-es-elastic-user", "%n-es-http-certs-public", "%n-es-http-certs-internal", "%n-es-http-ca-internal")},
	{"kibana.k8s.elastic.co", "Kibana", own("Secret", "%n-kb-http-certs-public", "%n-kb-http-certs-internal")},
	{"rabbitmq.com", "RabbitmqCluster", own("Secret", "%n-default-user", "%n-erlang-cookie")},
	{"rabbitmq.com", "User", own("Secret", "%n-user-credentials")},
	{"k8s.keycloak.org", "Keycloak", own("Secret", "%n-initial-admin")},
	{"argoproj.io", "ArgoCD", own("Secret", "%n-cluster", "%n-default-cluster-config", "%n-redis-initial-password")},
	{"grafana.integreatly.org", "Grafana", own("Secret", "%n-admin-credentials")},
	{"mongodbcommunity.mongodb.com", "MongoDBCommunity", postgresUsers("%n-%d-%u", "%n-agent-password")},
}

// own makes a maker of objects that are named after the resource.
func own(kind string, names ...string) func(*provided, *snapshot.Object) error {
	return func(p *provided, o *snapshot.Object) error {
		for _, name := range names {
			p.add(o, kind, o.EffectiveNamespace(), strings.ReplaceAll(name, "%n", o.Name))
		}
		return nil
	}
}

func both(p *provided, o *snapshot.Object) error {
	p.add(o, "Secret", o.EffectiveNamespace(), o.Name)
	p.add(o, "ConfigMap", o.EffectiveNamespace(), o.Name)
	return nil
}

func sealed(p *provided, o *snapshot.Object) error {
	r, err := snapshot.As[struct {
		Spec struct {
			EncryptedData map[string]string `json:"encryptedData"`
			Template      struct {
				Metadata struct {
					Name string `json:"name"`
				} `json:"metadata"`
				Data map[string]string `json:"data"`
			} `json:"template"`
		} `json:"spec"`
	}](o)
	if err != nil {
		return err
	}
	keys := append(slices.Collect(maps.Keys(r.Spec.EncryptedData)), slices.Collect(maps.Keys(r.Spec.Template.Data))...)
	p.add(o, "Secret", o.EffectiveNamespace(), o.Name, keys...)
	p.add(o, "Secret", o.EffectiveNamespace(), r.Spec.Template.Metadata.Name, keys...)
	return nil
}

func external(p *provided, o *snapshot.Object) error {
	r, err := snapshot.As[struct {
		Spec struct {
			Target struct {
				Name     string `json:"name"`
				Template struct {
					Data         map[string]string `json:"data"`
					MergePolicy  string            `json:"mergePolicy"`
					TemplateFrom []any             `json:"templateFrom"`
				} `json:"template"`
			} `json:"target"`
			Data []struct {
				SecretKey string `json:"secretKey"`
			} `json:"data"`
			DataFrom []any `json:"dataFrom"`
		} `json:"spec"`
	}](o)
	if err != nil {
		return err
	}
	name, template := r.Spec.Target.Name, r.Spec.Target.Template
	if name == "" {
		name = o.Name
	}
	keys := slices.Collect(maps.Keys(template.Data))
	if len(keys) == 0 || template.MergePolicy == "Merge" {
		for _, d := range r.Spec.Data {
			keys = append(keys, d.SecretKey)
		}
		if len(r.Spec.DataFrom) > 0 {
			keys = nil
		}
	}
	if len(template.TemplateFrom) > 0 {
		keys = nil
	}
	p.add(o, "Secret", o.EffectiveNamespace(), name, keys...)
	return nil
}

func clusterExternal(p *provided, o *snapshot.Object) error {
	r, err := snapshot.As[struct {
		Spec struct {
			ExternalSecretName string `json:"externalSecretName"`
			ExternalSecretSpec struct {
				Target struct {
					Name string `json:"name"`
				} `json:"target"`
			} `json:"externalSecretSpec"`
		} `json:"spec"`
	}](o)
	if err != nil {
		return err
	}
	for _, name := range []string{r.Spec.ExternalSecretSpec.Target.Name, r.Spec.ExternalSecretName, o.Name} {
		if name != "" {
			p.addEverywhere(o, "Secret", name)
			break
		}
	}
	return nil
}

func certificate(p *provided, o *snapshot.Object) error {
	r, err := snapshot.As[struct {
		Spec struct {
			SecretName string `json:"secretName"`
		} `json:"spec"`
	}](o)
	if err == nil {
		p.add(o, "Secret", o.EffectiveNamespace(), r.Spec.SecretName, "tls.crt", "tls.key", "ca.crt",
			"tls-combined.pem", "key.der", "keystore.jks", "truststore.jks", "keystore.p12", "truststore.p12")
	}
	return err
}

func providerClass(p *provided, o *snapshot.Object) error {
	r, err := snapshot.As[struct {
		Spec struct {
			SecretObjects []struct {
				SecretName string `json:"secretName"`
				Data       []struct {
					Key string `json:"key"`
				} `json:"data"`
			} `json:"secretObjects"`
		} `json:"spec"`
	}](o)
	if err != nil {
		return err
	}
	for _, s := range r.Spec.SecretObjects {
		var keys []string
		for _, d := range s.Data {
			keys = append(keys, d.Key)
		}
		p.add(o, "Secret", o.EffectiveNamespace(), s.SecretName, keys...)
	}
	return nil
}

// bundle: trust-manager writes to every namespace that the target selects.
func bundle(p *provided, o *snapshot.Object) error {
	p.addEverywhere(o, "ConfigMap", o.Name)
	p.addEverywhere(o, "Secret", o.Name)
	return nil
}

// secretName is where a resource says how the Secret is called.
type secretName struct {
	Name            string `json:"name"`
	SecretName      string `json:"secretName"`
	Namespace       string `json:"namespace"`
	SecretNamespace string `json:"secretNamespace"`
}

// named reads the resources that name their Secret in one of a few places; without a
// name it is called as the resource is.
func named(p *provided, o *snapshot.Object) error {
	r, err := snapshot.As[struct {
		Spec struct {
			SecretName                  string       `json:"secretName"`
			Destination                 secretName   `json:"destination"`
			ManagedSecret               secretName   `json:"managedSecret"`
			ManagedSecretReference      secretName   `json:"managedSecretReference"`
			ManagedKubeSecretReferences []secretName `json:"managedKubeSecretReferences"`
			SecretTemplates             []secretName `json:"secretTemplates"`
		} `json:"spec"`
	}](o)
	if err != nil {
		return err
	}
	refs := slices.Concat(
		[]secretName{{Name: r.Spec.SecretName}, r.Spec.Destination, r.Spec.ManagedSecret, r.Spec.ManagedSecretReference},
		r.Spec.ManagedKubeSecretReferences, r.Spec.SecretTemplates)
	found := false
	for _, ref := range refs {
		name, ns := ref.Name+ref.SecretName, ref.Namespace+ref.SecretNamespace
		if ns == "" {
			ns = o.EffectiveNamespace()
		}
		found = found || name != ""
		p.add(o, "Secret", ns, name)
	}
	if !found {
		p.add(o, "Secret", o.EffectiveNamespace(), o.Name)
	}
	return nil
}

// postgresUsers makes one Secret for each user of a database, %u in the pattern, and
// some that are named after the resource. Without users there is one named as it is.
func postgresUsers(pattern string, names ...string) func(*provided, *snapshot.Object) error {
	return func(p *provided, o *snapshot.Object) error {
		r, err := snapshot.As[struct {
			Spec struct {
				Users []struct {
					Name                       string `json:"name"`
					DB                         string `json:"db"`
					ConnectionStringSecretName string `json:"connectionStringSecretName"`
				} `json:"users"`
			} `json:"spec"`
		}](o)
		if err != nil {
			return err
		}
		ns := o.EffectiveNamespace()
		add := func(user, db string) {
			p.add(o, "Secret", ns, strings.NewReplacer("%n", o.Name, "%u", user, "%d", db).Replace(pattern))
		}
		for _, u := range r.Spec.Users {
			add(u.Name, u.DB)
			p.add(o, "Secret", ns, u.ConnectionStringSecretName)
		}
		add(o.Name, o.Name)
		return own("Secret", names...)(p, o)
	}
}

func zalandoUsers(p *provided, o *snapshot.Object) error {
	r, err := snapshot.As[struct {
		Spec struct {
			Users map[string]any `json:"users"`
		} `json:"spec"`
	}](o)
	if err != nil {
		return err
	}
	for _, user := range append(slices.Collect(maps.Keys(r.Spec.Users)), "postgres", "standby", "pooler") {
		p.add(o, "Secret", o.EffectiveNamespace(), strings.ReplaceAll(user, "_", "-")+"."+o.Name+".credentials.postgresql.acid.zalan.do")
	}
	return nil
}

// generated adds what Kyverno's policies generate, and the connection Secrets that
// Crossplane and its like write for any resource that names one.
func (p *provided) generated(s *snapshot.Snapshot, unreadable func(*snapshot.Object, error)) {
	for _, kind := range []string{"ClusterPolicy", "Policy"} {
		for _, o := range s.Custom("kyverno.io", kind) {
			r, err := snapshot.As[struct {
				Spec struct {
					Rules []struct {
						Generate struct {
							Kind string `json:"kind"`
							Name string `json:"name"`
						} `json:"generate"`
					} `json:"rules"`
				} `json:"spec"`
			}](o)
			if err != nil {
				unreadable(o, err)
				continue
			}
			for _, rule := range r.Spec.Rules {
				if k := rule.Generate.Kind; k == "Secret" || k == "ConfigMap" {
					p.addEverywhere(o, k, rule.Generate.Name)
				}
			}
		}
	}
	for _, o := range s.Objects() {
		if o.BuiltIn() {
			continue
		}
		spec, _ := o.Content()["spec"].(map[string]any)
		for _, field := range []string{"writeConnectionSecretToRef", "connectionSecretToRef", "connectionDetailsSecretRef"} {
			ref, _ := spec[field].(map[string]any)
			name, _ := ref["name"].(string)
			ns, _ := ref["namespace"].(string)
			if ns == "" {
				ns = o.EffectiveNamespace()
			}
			p.add(o, "Secret", ns, name)
		}
	}
}
