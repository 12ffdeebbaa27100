package txn

// State is where a transactional id stands. The numbers are those in the log.
type State int8

// The states. An id begins Empty; Dead and PrepareEpochFence are never recorded
// and known for the sake of ListTransactions, which may ask for them.
const (
	Empty State = iota
	Ongoing
	PrepareCommit
	PrepareAbort
	CompleteCommit
	CompleteAbort
	Dead
	PrepareEpochFence
	numStates
)

var stateNames = [numStates]string{
	"Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead", "PrepareEpochFence",
}

// String is Kafka's name of the state.
func (s State) String() string { return stateNames[s] }

func stateOf(name string) (State, bool) {
	for s, n := range stateNames {
		if n == name {
			return State(s), true
		}
	}
	return 0, false
}

// preparing tells that the end is decided and its markers are being written:
// nothing else may happen until they are.
func (s State) preparing() bool { return s == PrepareCommit || s == PrepareAbort }

// idle tells that there is no transaction. An id that is idle for long expires.
func (s State) idle() bool { return s == Empty || s == CompleteCommit || s == CompleteAbort }
