// SPDX-License-Identifier: Apache-2.0

package kubeaudit_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/changes/kubeaudit"
)

var reader = &kubeaudit.Reader{Key: []byte("key"), Kinds: func(_, resource string) string {
	return map[string]string{"deployments": "Deployment", "pods": "Pod", "secrets": "Secret"}[resource]
}}

// update is an event of a Deployment whose image was set, as the API server writes it at
// level RequestResponse.
const update = `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"a-1","stage":"ResponseComplete",
"requestURI":"/apis/apps/v1/namespaces/shop/deployments/cart?fieldManager=kubectl-set","verb":"patch",
"user":{"username":"alice@example.com","groups":["developers","system:authenticated"]},"sourceIPs":["203.0.113.7"],"userAgent":"kubectl/v1.36.1",
"objectRef":{"resource":"deployments","namespace":"shop","name":"cart","apiGroup":"apps","apiVersion":"v1"},
"responseStatus":{"metadata":{},"code":200},
"requestObject":{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"cart:2"}]}}}},
"responseObject":{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"cart","namespace":"shop","uid":"u-1","resourceVersion":"77","generation":2},"spec":{"replicas":1}},
"requestReceivedTimestamp":"2026-03-02T09:30:00.123456Z","stageTimestamp":"2026-03-02T09:30:00.150000Z"}`

func observed(t *testing.T, text string) *kubeaudit.Result {
	t.Helper()
	got, err := reader.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func flat(s string) string {
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(s)); err != nil {
		panic(err)
	}
	return out.String()
}

func quote(s string) string {
	out, err := json.Marshal(flat(s))
	if err != nil {
		panic(err)
	}
	return string(out)
}

func squeeze(s string) string {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write([]byte(s))
	z.Close()
	return out.String()
}

// TestForms: one event is the same observation however it is delivered.
func TestForms(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 30, 0, 123456000, time.UTC)
	want := changes.Observation{
		Sighting: seaworthy.Sighting{By: seaworthy.SeenByAudit, At: at}, Verb: seaworthy.VerbUpdate, Outcome: seaworthy.OutcomePersisted,
		Actor: seaworthy.Actor{Username: "alice@example.com", Groups: []string{"developers", "system:authenticated"}, UserAgent: "kubectl/v1.36.1", SourceIPs: []string{"203.0.113.7"}},
		After: map[string]any{"kind": "Deployment", "apiVersion": "apps/v1", "spec": map[string]any{"replicas": 1.0},
			"metadata": map[string]any{"name": "cart", "namespace": "shop", "uid": "u-1", "resourceVersion": "77", "generation": 2.0}},
	}
	want.Describe()
	cloudWatch := `{"messageType":"DATA_MESSAGE","owner":"111122223333","logGroup":"/aws/eks/production/cluster","logStream":"kube-apiserver-audit-0a1b","subscriptionFilters":["seaworthy"],` +
		`"logEvents":[{"id":"1","timestamp":1772443800123,"message":` + quote(update) + `}]}`
	google := `{"insertId":"x1","timestamp":"2026-03-02T09:30:00.123456Z","logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity",
		"resource":{"type":"k8s_cluster","labels":{"cluster_name":"production","location":"europe-west1","project_id":"p"}},
		"labels":{"authorization.k8s.io/decision":"allow"},"operation":{"id":"a-1","producer":"k8s.io","first":true,"last":true},
		"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"k8s.io","methodName":"io.k8s.apps.v1.deployments.patch",
		"resourceName":"apps/v1/namespaces/shop/deployments/cart","authenticationInfo":{"principalEmail":"alice@example.com"},
		"requestMetadata":{"callerIp":"203.0.113.7","callerSuppliedUserAgent":"kubectl/v1.36.1"},"status":{},
		"response":{"@type":"apps.k8s.io/v1.Deployment","kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"cart","namespace":"shop","uid":"u-1","resourceVersion":"77","generation":2},"spec":{"replicas":1}}}}`
	azure := `{"time":"2026-03-02T09:30:00.123456Z","resourceId":"/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/PRODUCTION",
		"category":"kube-audit","operationName":"Microsoft.ContainerService/managedClusters/diagnosticLogs/Read","properties":{"log":` + quote(update) + `,"stream":"stdout","pod":"kube-apiserver-1"}}`
	for name, text := range map[string]string{
		"the API server's log":          flat(update) + "\n",
		"several lines":                 flat(update),
		"the API server's webhook":      `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[` + update + `]}`,
		"a list":                        `[` + update + `]`,
		"a compressed file":             squeeze(flat(update)),
		"EKS: a CloudWatch message":     `{"timestamp":1772443800123,"message":` + quote(update) + `}`,
		"EKS: a subscription":           cloudWatch,
		"EKS: through Firehose":         squeeze(cloudWatch),
		"EKS: through Lambda":           `{"awslogs":{"data":"` + base64.StdEncoding.EncodeToString([]byte(squeeze(cloudWatch))) + `"}}`,
		"EKS: fetched":                  `{"events":[{"logStreamName":"kube-apiserver-audit-0a1b","timestamp":1,"message":` + quote(update) + `}]}`,
		"EKS: exported to S3":           squeeze("2026-03-02T09:30:00.123Z " + flat(update) + "\n"),
		"GKE: an entry":                 google,
		"GKE: fetched":                  `{"entries":[` + google + `]}`,
		"GKE: pushed by Pub/Sub":        `{"message":{"data":"` + base64.StdEncoding.EncodeToString([]byte(flat(google))) + `","messageId":"1"},"subscription":"s"}`,
		"AKS: a record in a file":       flat(azure) + "\n",
		"AKS: from Event Hubs":          `{"records":[` + azure + `]}`,
		"AKS: the log without its rest": `{"properties":{"log":` + quote(update) + `}}`,
	} {
		t.Run(name, func(t *testing.T) {
			got := observed(t, text)
			want, heard := want, at
			want.ID = "a-1@7faf7b49ca96c952"
			if strings.HasPrefix(name, "GKE") {
				want.ID = "a-1@da16f1161dc3f028"
				want.Actor.Groups = nil // Google does not tell, and may leave annotations out
			} else {
				want.Unasked, heard = true, stage(t)
			}
			if d := cmp.Diff(&kubeaudit.Result{Observations: []changes.Observation{want}, Events: 1, First: heard, Latest: heard, Last: heard}, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestNobodyHidesBehindAnAuditID: the API server takes the audit ID from the header of a
// request. One that was told of hides no other, and all that is told of one request is one.
func TestNobodyHidesBehindAnAuditID(t *testing.T) {
	exec := func(audit, stage, at, user, pod string) string {
		return `{"kind":"Event","auditID":"` + audit + `","stage":"` + stage + `","verb":"get","requestURI":"/api/v1/namespaces/shop/pods/` + pod + `/exec?command=sh",
			"user":{"username":"` + user + `"},"objectRef":{"resource":"pods","namespace":"shop","name":"` + pod + `","apiVersion":"v1","subresource":"exec"},
			"responseStatus":{"code":101},"requestReceivedTimestamp":"2026-03-02T09:30:` + at + `Z","stageTimestamp":"2026-03-02T09:31:00Z"}`
	}
	id := func(text string) string { return observed(t, text).Observations[0].ID }
	first := id(exec("mine", "ResponseStarted", "00.000001", "mallory", "cart-1"))
	if got := id(exec("mine", "ResponseComplete", "00.000001", "mallory", "cart-1")); got != first {
		t.Errorf("the end of a session is %q, its beginning %q", got, first)
	}
	for name, text := range map[string]string{
		"another time":   exec("mine", "ResponseStarted", "00.000002", "mallory", "cart-1"),
		"another pod":    exec("mine", "ResponseStarted", "00.000001", "mallory", "db-0"),
		"somebody else":  exec("mine", "ResponseStarted", "00.000001", "alice", "cart-1"),
		"another ID too": exec("other", "ResponseStarted", "00.000001", "mallory", "cart-1"),
	} {
		if got := id(text); got == first {
			t.Errorf("%s: two requests are called %q", name, got)
		}
	}
	google := func(more, at, pod string) string {
		return `{"timestamp":"2026-03-02T09:30:` + at + `Z","operation":{"id":"mine"` + more + `},"protoPayload":{"methodName":"io.k8s.core.v1.pods.exec.create",
			"resourceName":"core/v1/namespaces/shop/pods/` + pod + `/exec","authenticationInfo":{"principalEmail":"mallory"}}}`
	}
	if a, b := id(google(`,"first":true`, "00.1", "cart-1")), id(google(`,"last":true`, "59.2", "cart-1")); a != b {
		t.Errorf("GKE: the parts of a session are %q and %q", a, b)
	}
	both := `,"first":true,"last":true`
	for name, text := range map[string]string{"another time": google(both, "00.2", "cart-1"), "another pod": google(both, "00.1", "db-0")} {
		if got := id(text); got == id(google(both, "00.1", "cart-1")) {
			t.Errorf("GKE, %s: two requests are called %q", name, got)
		}
	}
}

// stage is when the API server wrote the event down, or else when it was asked.
func stage(t *testing.T) time.Time {
	t.Helper()
	var e struct{ RequestReceivedTimestamp, StageTimestamp time.Time }
	if err := json.Unmarshal([]byte(update), &e); err != nil {
		t.Fatal(err)
	}
	if e.StageTimestamp.IsZero() {
		return e.RequestReceivedTimestamp
	}
	return e.StageTimestamp
}

// TestHeard: a stream is heard of by events that are no part of the trail too.
func TestHeard(t *testing.T) {
	lease := func(at string) string {
		return `{"auditID":"` + at + `","stage":"ResponseComplete","verb":"update","objectRef":{"resource":"leases","apiGroup":"coordination.k8s.io"},"stageTimestamp":"2026-03-02T` + at + `Z"}`
	}
	r := kubeaudit.Reader{After: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	got, err := r.Read(strings.NewReader(lease("09:07:00") + lease("08:59:00") + lease("09:05:00")))
	if err != nil || !got.First.Equal(time.Date(2026, 3, 2, 9, 5, 0, 0, time.UTC)) || !got.Latest.Equal(time.Date(2026, 3, 2, 9, 7, 0, 0, time.UTC)) {
		t.Errorf("heard from %s to %s, %v", got.First, got.Latest, err)
	}
}

// TestEvents: what of an event reaches the trail.
func TestEvents(t *testing.T) {
	event := func(verb, ref, more string) string {
		return `{"kind":"Event","auditID":"a","stage":"ResponseComplete","verb":"` + verb + `","user":{"username":"alice"},"objectRef":` + ref + `,"responseStatus":{"code":200}` + more + `}`
	}
	const deployment = `{"resource":"deployments","namespace":"shop","name":"cart","apiGroup":"apps","apiVersion":"v1"}`
	const pods = `{"resource":"pods","namespace":"shop","name":"cart-1","apiVersion":"v1","subresource":"exec"}`
	const users = `users \"bob\" is forbidden: User \"alice\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope`
	refused := func(verb, ref, why string) string {
		return strings.Replace(event(verb, ref, ""), `"code":200`, `"code":403,"message":"`+why+`"`, 1)
	}
	for name, test := range map[string]struct{ text, want string }{
		"an update":             {event("update", deployment, ""), "update apps/v1 shop/Deployment/cart by alice: persisted"},
		"a deletion":            {event("delete", deployment, `,"responseObject":{"kind":"Status","details":{"uid":"u9"}}`), "delete apps/v1 shop/Deployment/cart u9 by alice: persisted"},
		"all at once":           {event("deletecollection", `{"resource":"pods","namespace":"shop","apiVersion":"v1"}`, ""), "delete v1 shop/Pod/* by alice: persisted"},
		"applied anew":          {strings.Replace(event("patch", deployment, ""), "200", "201", 1), "create apps/v1 shop/Deployment/cart by alice: persisted"},
		"exec, by WebSocket":    {event("get", pods, ""), "exec v1 shop/Pod/cart-1 exec by alice: connected"},
		"exec, that has begun":  {strings.Replace(strings.Replace(event("get", pods, ""), "ResponseComplete", "ResponseStarted", 1), "200", "101", 1), "exec v1 shop/Pod/cart-1 exec by alice: connected"},
		"exec, forbidden":       {strings.Replace(event("create", pods, ""), "200", "403", 1), "exec v1 shop/Pod/cart-1 exec by alice: denied"},
		"a Secret is read":      {event("get", `{"resource":"secrets","namespace":"shop","name":"db","apiVersion":"v1"}`, `,"responseObject":{"kind":"Secret","data":{"p":"aHVudGVyMg=="}}`), "read v1 shop/Secret/db by alice: connected"},
		"all Secrets are read":  {event("list", `{"resource":"secrets","namespace":"shop","apiVersion":"v1"}`, ""), "read v1 shop/Secret/* by alice: connected"},
		"as somebody else":      {event("update", deployment, `,"impersonatedUser":{"username":"bob"}`), "update apps/v1 shop/Deployment/cart by bob (alice): persisted"},
		"denied":                {strings.Replace(event("update", deployment, ""), "200", "403", 1), "update apps/v1 shop/Deployment/cart by alice: denied"},
		"a conflict":            {strings.Replace(event("update", deployment, ""), "200", "409", 1), "update apps/v1 shop/Deployment/cart by alice: failed"},
		"scaled":                {event("patch", strings.Replace(deployment, "}", `,"subresource":"scale"}`, 1), `,"responseObject":{"kind":"Scale","apiVersion":"autoscaling/v1","metadata":{"name":"cart"}}`), "update apps/v1 shop/Deployment/cart scale by alice: persisted"},
		"an unknown resource":   {event("update", `{"resource":"widgets","apiGroup":"x.io","apiVersion":"v1","name":"w"}`, ""), "update x.io/v1 widgets/w by alice: persisted"},
		"a read":                {event("get", deployment, ""), ""},
		"a read, denied":        {strings.Replace(event("get", deployment, ""), "200", "403", 1), "read apps/v1 shop/Deployment/cart by alice: denied"},
		"a list, denied":        {strings.Replace(event("list", `{"resource":"pods","namespace":"shop","apiVersion":"v1"}`, ""), "200", "403", 1), "read v1 shop/Pod/* by alice: denied"},
		"a log, denied":         {strings.Replace(event("get", strings.Replace(pods, "exec", "log", 1), ""), "200", "403", 1), "read v1 shop/Pod/cart-1 log by alice: denied"},
		"a read of nothing":     {strings.Replace(event("get", deployment, ""), "200", "404", 1), ""},
		"a read by nobody":      {strings.Replace(event("get", deployment, ""), "200", "401", 1), ""},
		"may not be a user":     {refused("get", deployment, users), "impersonate v1 User/bob by alice: denied"},
		"may not be in a group": {refused("list", deployment, `groups \"system:masters\" is forbidden: User \"alice\" cannot impersonate resource \"groups\" in API group \"\" at the cluster scope`), "impersonate v1 Group/system:masters by alice: denied"},
		"may not be an account": {refused("get", deployment, `serviceaccounts \"cart\" is forbidden: User \"alice\" cannot impersonate resource \"serviceaccounts\" in API group \"\" in the namespace \"shop\"`), "impersonate v1 shop/ServiceAccount/cart by alice: denied"},
		"may not be, in parts":  {refused("get", deployment, `users.authentication.k8s.io \"bob\" is forbidden: User \"alice\" cannot impersonate:user-info resource \"users\" in API group \"authentication.k8s.io\" at the cluster scope`), "impersonate authentication.k8s.io/v1 User/bob by alice: denied"},
		"may not do it as any":  {refused("list", deployment, `deployments.apps is forbidden: User \"alice\" cannot impersonate-on:user-info:list resource \"deployments\" in API group \"apps\" in the namespace \"shop\"`), "impersonate authentication.k8s.io/v1 User/* by alice: denied"},
		"may not look as any":   {`{"kind":"Event","auditID":"a","stage":"ResponseComplete","requestURI":"/api","verb":"get","user":{"username":"alice"},"responseStatus":{"code":403,"message":"forbidden: User \"alice\" cannot impersonate-on:serviceaccount:get path \"/api\""}}`, "impersonate authentication.k8s.io/v1 ServiceAccount/* by alice: denied"},
		"asks as whom it may":   {`{"kind":"Event","auditID":"a","stage":"ResponseComplete","requestURI":"/api","verb":"get","user":{"username":"alice"},"responseStatus":{"code":403,"message":"` + users + `"}}`, "impersonate v1 User/bob by alice: denied"},
		"writes as a user":      {refused("update", deployment, users), "update apps/v1 shop/Deployment/cart by alice: denied"},
		"a user who is a text":  {refused("get", deployment, `deployments.apps \"cart\" is forbidden: User \"x\\\" cannot impersonate resource \\\"users\" cannot get resource \"deployments\" in API group \"apps\" in the namespace \"shop\"`), "read apps/v1 shop/Deployment/cart by alice: denied"},
		"a read, as if dry":     {event("get", `{"resource":"secrets","namespace":"shop","name":"db","apiVersion":"v1"}`, `,"requestURI":"/api/v1/namespaces/shop/secrets/db?dryRun=All"`), "read v1 shop/Secret/db by alice: connected"},
		"exec, as if dry":       {event("get", pods, `,"requestURI":"/x?command=sh&dryRun=All"`), "exec v1 shop/Pod/cart-1 exec by alice: connected"},
		"a manager's name":      {event("update", deployment, `,"requestURI":"/apis/apps/v1/x?fieldManager=dryRun=All"`), "update apps/v1 shop/Deployment/cart by alice: persisted"},
		"deleted, as if dry":    {event("delete", deployment, `,"level":"RequestResponse","requestURI":"/x?dryRun=All","requestObject":{"kind":"DeleteOptions"}`), "delete apps/v1 shop/Deployment/cart by alice: persisted"},
		"who knows":             {event("delete", deployment, `,"level":"Metadata","requestURI":"/x?dryRun=All"`), "delete apps/v1 shop/Deployment/cart by alice: persisted"},
		"a dry deletion":        {event("delete", deployment, `,"level":"RequestResponse","requestURI":"/x","requestObject":{"kind":"DeleteOptions","dryRun":["All"]}`), ""},
		"a dry one by address":  {event("delete", deployment, `,"level":"RequestResponse","requestURI":"/x?dryRun=All"`), ""},
		"a list of patches":     {event("patch", deployment, `,"requestObject":[{"op":"add","path":"/dryRun","value":"\"dryRun\""}]`), "update apps/v1 shop/Deployment/cart by alice: persisted"},
		"GKE: a read, denied":   {`{"operation":{"id":"a"},"protoPayload":{"methodName":"io.k8s.core.v1.pods.list","resourceName":"core/v1/namespaces/shop/pods","authenticationInfo":{"principalEmail":"bob"},"status":{"code":7}}}`, "read v1 shop/Pod/* by bob: denied"},
		"GKE: a dry deletion":   {`{"operation":{"id":"a"},"protoPayload":{"methodName":"io.k8s.core.v1.pods.delete","resourceName":"core/v1/namespaces/shop/pods/cart-1","authenticationInfo":{"principalEmail":"bob"},"request":{"dryRun":["All"]},"status":{}}}`, ""},
		"a status":              {event("update", strings.Replace(deployment, "}", `,"subresource":"status"}`, 1), ""), ""},
		"a dry run":             {event("update", deployment, `,"requestURI":"/apis/apps/v1/x?dryRun=All"`), ""},
		"a question":            {event("create", `{"resource":"subjectaccessreviews","apiGroup":"authorization.k8s.io","apiVersion":"v1"}`, ""), ""},
		"only just received":    {strings.Replace(event("update", deployment, ""), "ResponseComplete", "RequestReceived", 1), ""},
		"a watch that began":    {strings.Replace(event("watch", deployment, ""), "ResponseComplete", "ResponseStarted", 1), ""},
		"no object at all":      {`{"kind":"Event","auditID":"a","stage":"ResponseComplete","verb":"get","requestURI":"/healthz"}`, ""},
		"Google's own API":      {`{"protoPayload":{"methodName":"google.container.v1.ClusterManager.UpdateCluster","resourceName":"projects/p"}}`, ""},
		"GKE: exec, as someone": {`{"operation":{"id":"a"},"protoPayload":{"methodName":"io.k8s.core.v1.pods.exec.create","resourceName":"core/v1/namespaces/shop/pods/cart-1/exec","authenticationInfo":{"principalEmail":"bob","authoritySelector":"alice"}}}`, "exec v1 shop/Pod/cart-1 exec by bob (alice): connected"},
		"GKE: denied":           {`{"operation":{"id":"a"},"protoPayload":{"methodName":"io.k8s.core.v1.pods.delete","resourceName":"core/v1/namespaces/shop/pods/cart-1","authenticationInfo":{"principalEmail":"bob"},"status":{"code":7}}}`, "delete v1 shop/Pod/cart-1 by bob: denied"},
		"GKE: of no namespace":  {`{"operation":{"id":"a"},"protoPayload":{"methodName":"io.k8s.authorization.rbac.v1.clusterroles.create","resourceName":"rbac.authorization.k8s.io/v1/clusterroles/admin2","authenticationInfo":{"principalEmail":"bob"},"status":{}}}`, "create rbac.authorization.k8s.io/v1 clusterroles/admin2 by bob: persisted"},
	} {
		t.Run(name, func(t *testing.T) {
			got := observed(t, test.text)
			if len(got.Problems) > 0 || got.Events != 1 {
				t.Fatalf("%+v", got)
			}
			said := ""
			for _, o := range got.Observations {
				said = strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s %s by %s", o.Verb, o.Object.APIVersion, o.Object.Object, o.Object.UID, o.Object.Subresource, o.Actor.Username)), " ")
				if o.Actor.Impersonator != "" {
					said += " (" + o.Actor.Impersonator + ")"
				}
				said += ": " + string(o.Outcome)
				if strings.Contains(fmt.Sprint(o), "aHVudGVyMg") {
					t.Error("the value of a Secret is left")
				}
			}
			if said != test.want {
				t.Errorf("%q, want %q", said, test.want)
			}
		})
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	for name, test := range map[string]struct {
		text          string
		problem, fail string
		events        int
	}{
		"nothing":              {},
		"not JSON":             {text: flat(update) + "\nnot JSON", fail: "at byte", events: 1},
		"cut off":              {text: flat(update)[:100], fail: "no JSON"},
		"something else":       {text: `{"a":1}` + flat(update), problem: "no envelope", events: 1},
		"a number":             {text: `5`, problem: "no audit event"},
		"a line of a log":      {text: `{"message":"I0302 started"}`, problem: "no JSON"},
		"another log of Azure": {text: `{"category":"guard","properties":{"log":"{}"}}`, problem: `"guard"`},
		"not base64":           {text: `{"awslogs":{"data":"%"}}`, problem: "base64"},
		"not gzip":             {text: "\x1f\x8bnothing", fail: "decompress"},
		"a time that is none":  {text: `{"auditID":"a","requestReceivedTimestamp":"yesterday"}`, problem: "cannot be read"},
		"a control message":    {text: `{"messageType":"CONTROL_MESSAGE","logEvents":[{"message":"CWL CONTROL MESSAGE: Checking health"}]}`},
		"nested without end":   {text: strings.Repeat("[", 10) + flat(update) + strings.Repeat("]", 10), fail: "packed more than"},
		"a bomb":               {text: squeeze(squeeze(strings.Repeat(" ", kubeaudit.MaxBytes+10))), fail: "more than 64 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := reader.Read(strings.NewReader(test.text))
			if (err == nil) != (test.fail == "") || err != nil && !strings.Contains(err.Error(), test.fail) {
				t.Errorf("error %v, want %q", err, test.fail)
			}
			if (len(got.Problems) == 0) != (test.problem == "") || len(got.Problems) > 0 && !strings.Contains(got.Problems[0].Message, test.problem) {
				t.Errorf("problems %+v, want %q", got.Problems, test.problem)
			}
			if got.Events != test.events {
				t.Errorf("%d events, want %d", got.Events, test.events)
			}
		})
	}
}

// TestHoles: what could not be read and may have been an event lies between those that could.
func TestHoles(t *testing.T) {
	at := func(second int) string {
		return fmt.Sprintf(`{"kind":"Event","auditID":"a%d","stage":"ResponseComplete","verb":"list","requestReceivedTimestamp":"2026-03-02T09:00:%02dZ","stageTimestamp":"2026-03-02T09:00:%02dZ"}`, second, second, second)
	}
	time0 := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	bad := `{"kind":"Event","auditID":"b","stage":5}`
	for name, test := range map[string]struct {
		items    []string
		from, to int // 0: not known
		records  int
	}{
		"none":          {items: []string{at(1), at(2)}},
		"in the middle": {items: []string{at(1), bad, at(3)}, from: 1, to: 3, records: 1},
		"two":           {items: []string{at(1), bad, at(3), bad, at(5), at(6)}, from: 1, to: 5, records: 2},
		"first":         {items: []string{bad, at(3)}, to: 3, records: 1},
		"last":          {items: []string{at(1), bad}, from: 1, records: 1},
		"all":           {items: []string{bad, bad}, records: 2},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := reader.Read(strings.NewReader(`{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[` + strings.Join(test.items, ",") + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			if u := got.Unread; u == nil || test.records == 0 {
				if u != nil || test.records != 0 {
					t.Errorf("%+v, want %d records", u, test.records)
				}
				return
			}
			second := func(n int) time.Time {
				if n == 0 {
					return time.Time{}
				}
				return time0.Add(time.Duration(n) * time.Second)
			}
			if u := got.Unread; !u.From.Equal(second(test.from)) || !u.To.Equal(second(test.to)) || u.Records != test.records {
				t.Errorf("%+v, want from %d to %d and %d records", u, test.from, test.to, test.records)
			}
			now := time0.Add(10 * time.Second)
			if from, to := got.Unread.Between(now); from.After(to) || to.After(now) || to.Sub(from) > time.Minute {
				t.Errorf("from %s to %s", from, to)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(update))
	f.Add([]byte(`{"kind":"EventList","items":[` + update + `]}`))
	f.Add([]byte(`{"logEvents":[{"message":` + quote(update) + `}]}`))
	f.Add([]byte(`{"records":[{"category":"kube-audit","properties":{"log":` + quote(update) + `}}]}`))
	f.Add([]byte(`{"operation":{"id":"a"},"protoPayload":{"methodName":"io.k8s.core.v1.pods.exec.create","resourceName":"core/v1/namespaces/shop/pods/cart-1/exec"}}`))
	f.Add([]byte(`{"message":{"data":"e30="}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := reader.Read(bytes.NewReader(text))
		if err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
		if len(got.Observations)+got.Passed != got.Events && err == nil {
			t.Errorf("%d observations and %d passed of %d events", len(got.Observations), got.Passed, got.Events)
		}
		for _, o := range got.Observations {
			if o.Verb == "" || o.By != seaworthy.SeenByAudit || o.Object.Kind == "" {
				t.Errorf("an observation of nothing: %+v", o)
			}
		}
	})
}
