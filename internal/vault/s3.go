// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/seaworthy-dev/seaworthy"
)

// Bucket keeps blobs in S3-compatible storage.
type Bucket struct {
	client *minio.Client
	bucket string
	prefix string
	where  string
}

// retries bounds how often a request is tried, with growing pauses: some seconds in all.
const retries = 5

// OpenBucket opens s3://host:port/bucket/prefix?region=R (https) or s3+http://… (plain,
// for storage on the same machine). Credentials are those that S3 clients usually take:
// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a shared file, or the machine's role.
func OpenBucket(ctx context.Context, address string, transport http.RoundTripper) (*Bucket, error) {
	u, err := url.Parse(address)
	bucket, prefix, _ := strings.Cut(strings.Trim(u.EscapedPath(), "/"), "/")
	if err != nil || (u.Scheme != "s3" && u.Scheme != "s3+http") || u.Host == "" || bucket == "" || u.User != nil {
		return nil, seaworthy.Invalid("the storage %q is not of the form s3://host/bucket/prefix?region=R; credentials go in the environment", u.Redacted())
	}
	if prefix != "" {
		prefix += "/"
	}
	client, err := minio.New(u.Host, &minio.Options{
		Secure: u.Scheme == "s3", Region: u.Query().Get("region"), Transport: transport, MaxRetries: retries,
		Creds: credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{Client: http.DefaultClient},
		}),
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", u.Redacted(), err)
	}
	b := &Bucket{client: client, bucket: bucket, prefix: prefix, where: u.Scheme + "://" + u.Host + "/" + bucket + "/" + prefix}
	found, err := client.BucketExists(ctx, bucket)
	switch {
	case err != nil:
		return nil, &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "the evidence storage (" + b.where + ") cannot be reached", Err: err}
	case !found:
		return nil, seaworthy.Invalid("there is no bucket %s at %s; make it first, with versioning or object lock if you can", bucket, u.Host)
	}
	return b, nil
}

// String is the address without credentials.
func (b *Bucket) String() string { return b.where }

// Put uploads an object.
func (b *Bucket) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	_, err := b.client.PutObject(ctx, b.bucket, b.prefix+name, r, size, minio.PutObjectOptions{ContentType: "application/octet-stream"})
	return err
}

// Get opens an object.
func (b *Bucket) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	o, err := b.client.GetObject(ctx, b.bucket, b.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	if _, err := o.Stat(); err != nil {
		missing := minio.ToErrorResponse(err).Code == minio.NoSuchKey
		err = errors.Join(err, o.Close())
		if missing {
			return nil, fs.ErrNotExist
		}
		return nil, err
	}
	return o, nil
}

// Delete removes an object.
func (b *Bucket) Delete(ctx context.Context, name string) error {
	return b.client.RemoveObject(ctx, b.bucket, b.prefix+name, minio.RemoveObjectOptions{})
}

// Names lists the objects.
func (b *Bucket) Names(ctx context.Context, f func(string, int64) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing when f fails
	for o := range b.client.ListObjects(ctx, b.bucket, minio.ListObjectsOptions{Prefix: b.prefix, Recursive: true}) {
		if o.Err != nil {
			return o.Err
		}
		if err := f(strings.TrimPrefix(o.Key, b.prefix), o.Size); err != nil {
			return err
		}
	}
	return nil
}
