// Package txn is the transaction coordinator: who may produce under a
// transactional id, what is part of its transaction, and how that ends, as a
// machine on the runtime of package coordinator. Its state is what the records
// of __transaction_state say.
//
// Its main type is Coordinator, which finds the shard of a transactional id and
// asks its Machine. The invariant: a transaction whose end is committed in the
// log is ended so in all of its partitions before the next one begins, and only
// the newest holder of a producer id and epoch decides which end that is.
package txn
