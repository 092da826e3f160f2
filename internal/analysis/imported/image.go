// SPDX-License-Identifier: Apache-2.0

package imported

import "strings"

// reference is the name of an image, with what registries and runtimes add to it.
type reference struct{ server, repository, tag, digest string }

// dockerHub is where images without a registry come from.
const dockerHub = "index.docker.io"

func parse(image string) reference {
	var r reference
	image, r.digest, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		image, r.tag = image[:i], image[i+1:]
	}
	first, rest, nested := strings.Cut(image, "/")
	if nested && (strings.ContainsAny(first, ".:") || first == "localhost") {
		r.server, r.repository = first, rest
	} else {
		r.server, r.repository = dockerHub, image
	}
	return r.filled()
}

// filled gives the reference in the form that is compared.
func (r reference) filled() reference {
	if r.server == "docker.io" || r.server == "registry-1.docker.io" || r.server == "" {
		r.server = dockerHub
	}
	if r.server == dockerHub && !strings.Contains(r.repository, "/") {
		r.repository = "library/" + r.repository
	}
	if r.tag == "" && r.digest == "" {
		r.tag = "latest"
	}
	return r
}

// sameImage tells whether a report is about the image: by digest where both have one, else
// by tag.
func sameImage(image string, r *trivyReport) bool {
	a := r.Report.Artifact
	have, want := reference{r.Report.Registry.Server, a.Repository, a.Tag, a.Digest}.filled(), parse(image)
	switch {
	case have.server != want.server || have.repository != want.repository:
		return false
	case have.digest != "" && want.digest != "":
		return have.digest == want.digest
	}
	return have.tag != "" && have.tag == want.tag
}
