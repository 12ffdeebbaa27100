package main

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/travisjeffery/jocko/interop/wire"
)

// settle waits until the broker answers a request.
func settle(ctx context.Context, addr string) error {
	return wire.Retry(ctx, addr, func(c *wire.Conn) (bool, error) {
		req := kmsg.NewPtrMetadataRequest()
		req.SetVersion(9)
		_, err := c.Do(req)
		return true, err
	})
}
