// Package sim breaks whole brokers and looks at what is left: it kills processes under load, takes the power away between
// any two operations on the disk, fails single calls, fills the disk, damages files, and sends what no client would
// send. It holds tests only.
//
// Its main type is ledger, the checker: it remembers what was sent and acknowledged, and judges what a broker serves
// later. Its invariant: a history is called good only if every acknowledged record is served at its offset, to the byte.
package sim

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// Sizes of the campaigns; 0 runs the short form that belongs to go test ./... alone.
var (
	killsFlag    = flag.Int("faults.kills", 0, "kills of TestKillCampaign")
	statesFlag   = flag.Int("faults.states", 0, "crash states of TestPowerLossCampaign")
	callsFlag    = flag.Int("faults.calls", 0, "calls of each kind that TestFailedCallCampaign fails")
	cyclesFlag   = flag.Int("faults.cycles", 0, "fill and free cycles of TestFullDiskCampaign")
	inputFlag    = flag.Duration("faults.input", 0, "time TestMutantCampaign sends mutants")
	restartsFlag = flag.Int("faults.restarts", 0, "restarts of TestRestartCampaign")
	seedFlag     = flag.Uint64("faults.seed", 1, "first seed of a campaign")
	jockoFlag    = flag.String("faults.jocko", "", "the jocko binary to kill; this test binary if empty")

	transfersFlag = flag.Int64("faults.transfers", 0, "records TestExactlyOnceCampaign consumes, transforms and produces")
	rebalanceFlag = flag.Int("faults.rebalances", 0, "rebalances of TestGroupsCampaign")
	holesFlag     = flag.Bool("faults.holes", false, "late EndTxn and TxnOffsetCommit with transactions version 1 too: the books must find the harm")
	peerFlag      = flag.String("faults.peer", "", "address of a running broker to test instead, as a control")
	bounceFlag    = flag.String("faults.bounce", "", "command that kills the control with kill -9 and starts it again")
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(serveAsChild())
	}
	if os.Getenv(clerkVariable) != "" {
		os.Exit(transferAsChild())
	}
	flag.Parse()
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/klauspost/compress/zstd.(*blockDec).startDecoder"))
}
