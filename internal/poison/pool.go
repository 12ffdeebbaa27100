package poison

import "sync"

// Pool is a sync.Pool of *T. In a build with the tag "poison" it spoils what it gets back.
type Pool[T any] struct {
	pool  sync.Pool
	fresh func() *T
	spoil func(*T)
}

// NewPool returns an empty pool. fresh makes a value when the pool has none; nil is new(T). spoil overwrites what a
// released value holds, so that whoever still uses it notices; it leaves the value fit for its next owner.
func NewPool[T any](fresh func() *T, spoil func(*T)) *Pool[T] {
	if fresh == nil {
		fresh = func() *T { return new(T) }
	}
	return &Pool[T]{fresh: fresh, spoil: spoil}
}

// Get takes a value out of the pool, or makes one. It holds whatever its last owner left there.
func (p *Pool[T]) Get() *T {
	if x, ok := p.pool.Get().(*T); ok {
		return x
	}
	return p.fresh()
}

// Put gives a value back: the caller's hold ends.
func (p *Pool[T]) Put(x *T) {
	if On {
		p.spoil(x)
	}
	p.pool.Put(x)
}
