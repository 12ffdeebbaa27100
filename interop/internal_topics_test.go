package interop

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDumpInternalTopics lets Kafka's dump tool decode what a group of each protocol and a
// transaction have left in the internal topics.
func TestDumpInternalTopics(t *testing.T) {
	t.Parallel()
	addr := target(t).Addr
	topic := newTopic(t, groupPartitions)
	groups := map[string]string{}
	for _, protocol := range []string{"classic", "consumer"} {
		groups[protocol] = commitSome(t, topic, protocol)
	}
	id, moved := topic+"-id", topic+"-moved"
	if err := (franzTransactions{addr}).move(id, moved, topic, newTopic(t, groupPartitions), groupPartitions, "commit"); err != nil {
		t.Fatal(err)
	}

	out := dumpInternal(t, "__consumer_offsets", "--offsets-decoder")
	g := regexp.QuoteMeta(groups["classic"])
	matches(t, out, `key: {"type":"2","data":{"group":"`+g+`"}} payload: {"version":"3","data":{"protocolType":"consumer","generation":1,`+
		`"protocol":"cooperative-sticky","leader":"[^"]+","currentStateTimestamp":\d+,"members":\[{"memberId":"[^"]+","groupInstanceId":null,`+
		`"clientId":"a","clientHost":"/127.0.0.1","rebalanceTimeout":\d+,"sessionTimeout":6000,"subscription":{"topics":\["`+topic+`"\]`)
	offset := `key: {"type":"1","data":{"group":"%","topic":"` + topic + `","partition":3}} ` +
		`payload: {"version":"4","data":{"offset":1,"leaderEpoch":0,"metadata":"[^"]*","commitTimestamp":\d+,"topicId":"[^"]+"}}`
	for _, group := range []string{groups["classic"], groups["consumer"], moved} {
		matches(t, out, strings.Replace(offset, "%", regexp.QuoteMeta(group), 1))
	}
	g = regexp.QuoteMeta(groups["consumer"])
	matches(t, out, `key: {"type":"3","data":{"groupId":"`+g+`"}} payload: {"version":"0","data":{"epoch":2,"metadataHash":-?\d+}}`)
	matches(t, out, `key: {"type":"5","data":{"groupId":"`+g+`","memberId":"[^"]+"}} payload: {"version":"0","data":{"instanceId":null,`+
		`"rackId":null,"clientId":"a","clientHost":"/127.0.0.1","subscribedTopicNames":\["`+topic+`"\]`)
	matches(t, out, `key: {"type":"6","data":{"groupId":"`+g+`"}} payload: {"version":"0","data":{"assignmentEpoch":2,"assignmentTimestamp":\d+}}`)
	matches(t, out, `key: {"type":"7","data":{"groupId":"`+g+`","memberId":"[^"]+"}} payload: {"version":"0","data":{"topicPartitions":`+
		`\[{"topicId":"[^"]+","partitions":\[0,1,2,3\]}\]}}`)
	matches(t, out, `key: {"type":"8","data":{"groupId":"`+g+`","memberId":"[^"]+"}} payload: {"version":"0","data":{"memberEpoch":2,`+
		`"previousMemberEpoch":0,"state":0,"assignedPartitions":\[{"topicId":"[^"]+","partitions":\[0,1,2,3\]`)
	matches(t, out, `endTxnMarker: COMMIT`)

	out = dumpInternal(t, "__transaction_state", "--transaction-log-decoder")
	for _, status := range []string{"0", "1", "2", "4"} { // empty, ongoing, prepare commit, complete commit
		matches(t, out, `key: {"type":"0","data":{"transactionalId":"`+id+`"}} payload: {"version":"1","data":{"producerId":\d+,.*`+
			`"transactionStatus":`+status+`,`)
	}
	matches(t, out, `"transactionalId":"`+id+`".*{"topic":"__consumer_offsets","partitionIds":\[\d\]}`)
}

// commitSome writes a record to each partition of a topic when it has none, and lets a group's only
// member read and commit them.
func commitSome(t *testing.T, topic, protocol string) (group string) {
	t.Helper()
	c := &franzGroups{addr: target(t).Addr, members: map[string]*franzMember{}}
	s := newSharing(t, c, topic)
	if protocol == "classic" {
		s.write(1)
	}
	s.join("a", settings{"protocol": protocol})
	got := 0
	within(t, groupDeadline, func() error {
		recs, err := c.read("a")
		if got += len(recs); err == nil && got < groupPartitions {
			err = fmt.Errorf("%d of %d records", got, groupPartitions)
		}
		return err
	})
	s.commit("a")
	s.leave("a")
	return s.group
}

// dumpInternal returns what the tool says of all partitions of an internal topic; it fails the test
// if the tool complains.
func dumpInternal(t *testing.T, topic, decoder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(target(t).DataDir, topic+"-*", "*.log"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no segments of %s: %v", topic, err)
	}
	return tool(t, "", "dump-log", decoder, "--files", strings.Join(files, ","))
}

func matches(t *testing.T, out, pattern string) {
	t.Helper()
	re := regexp.MustCompile(strings.NewReplacer("{", `\{`, "}", `\}`).Replace(pattern))
	if !re.MatchString(out) {
		t.Errorf("no line is like %s", pattern)
	}
}
