package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// offsetReset is one line of a plan, as printed with --format json.
type offsetReset struct {
	Group     string `json:"group"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Current   *int64 `json:"current"` // null: none is committed
	Offset    int64  `json:"offset"`  // the new one
	Note      string `json:"note,omitempty"`
	Result    string `json:"result"` // planned, reset, failed
	Error     string `json:"error,omitempty"`
}

// resetter plans and executes the reset of one group.
type resetter struct {
	adm    adminClient
	group  string
	target resetTarget
	scopes []topicScope // nil, without a file: all that is committed
	file   map[string]map[int32]int64
}

// run plans, and executes when it is to. found is the group, or nil when it doesn't exist, which missing then says.
func (r *resetter) run(ctx context.Context, found *groupDescription, missing error, execute bool) ([]offsetReset, error) {
	if err := r.allowed(found, missing); err != nil {
		return nil, err
	}
	committed := kadm.OffsetResponses{}
	if found != nil {
		var err error
		if committed, err = r.adm.FetchOffsets(ctx, r.group); err != nil {
			return nil, fmt.Errorf("group %s: %w", r.group, err)
		}
	}
	partitions, err := r.partitions(ctx, committed)
	if err != nil {
		return nil, fmt.Errorf("group %s: %w", r.group, err)
	}
	var plan []offsetReset
	for _, topic := range slices.Sorted(maps.Keys(partitions)) {
		list, err := r.planTopic(ctx, topic, partitions[topic], committed)
		if err != nil {
			return nil, fmt.Errorf("group %s: %w", r.group, err)
		}
		plan = append(plan, list...)
	}
	if execute {
		err = r.commit(ctx, plan)
	}
	return plan, err
}

// allowed refuses groups with members, and groups that don't exist unless the scope names what is to be committed.
func (r *resetter) allowed(found *groupDescription, missing error) error {
	switch {
	case r.target.kind == resetFromFile && len(r.file) == 0:
		return fmt.Errorf("group %s: the file has no offsets of it", r.group)
	case found == nil && (!errors.Is(missing, kerr.GroupIDNotFound) || r.scopes == nil && r.file == nil):
		return missing
	case found != nil && found.State != "Empty" && found.State != "Dead":
		return fmt.Errorf("group %s is in state %s and has %s: %w",
			r.group, found.State, plural(int64(len(found.Members)), "member"), kerr.NonEmptyGroup)
	}
	return nil
}

// partitions returns what is to be reset, by topic.
func (r *resetter) partitions(ctx context.Context, committed kadm.OffsetResponses) (map[string][]int32, error) {
	scopes := r.scopes
	switch {
	case r.file != nil:
		for topic, offsets := range r.file {
			scopes = append(scopes, topicScope{topic, slices.Sorted(maps.Keys(offsets))})
		}
	case scopes == nil:
		for topic, offsets := range committed {
			scopes = append(scopes, topicScope{topic, slices.Sorted(maps.Keys(offsets))})
		}
	}
	return lookUpScopes(ctx, r.adm, scopes)
}

func (r *resetter) planTopic(ctx context.Context, topic string, partitions []int32, committed kadm.OffsetResponses) ([]offsetReset, error) {
	starts, err := r.offsetsAt(ctx, topic, partitions, atEarliest)
	if err != nil {
		return nil, err
	}
	ends, err := r.offsetsAt(ctx, topic, partitions, atLatest)
	if err != nil {
		return nil, err
	}
	var byTime map[int32]int64
	if r.target.kind == resetToTime {
		if byTime, err = r.offsetsAt(ctx, topic, partitions, r.target.n); err != nil {
			return nil, err
		}
	}
	var plan []offsetReset
	for _, p := range partitions {
		line := offsetReset{Group: r.group, Topic: topic, Partition: p, Result: "planned"}
		bounds := offsetBounds{current: -1, start: starts[p], end: ends[p], byTime: byTime[p], planned: r.file[topic][p]}
		if o, ok := committed.Lookup(topic, p); ok && o.Err == nil && o.At >= 0 {
			bounds.current, line.Current = o.At, new(o.At)
		}
		if line.Offset, line.Note, err = r.target.resolve(bounds); err != nil {
			return nil, fmt.Errorf("%s/%d: %w", topic, p, err)
		}
		plan = append(plan, line)
	}
	return plan, nil
}

// offsetsAt asks for the offset at a time, or at a special one, of every partition of a topic.
func (r *resetter) offsetsAt(ctx context.Context, topic string, partitions []int32, at int64) (map[int32]int64, error) {
	listed, err := listOffsets(ctx, r.adm.wire, topic, partitions, at, 0)
	if err != nil {
		return nil, err
	}
	return offsetsOf(listed)
}

// commit sends the plan, and writes into it what became of each line.
func (r *resetter) commit(ctx context.Context, plan []offsetReset) error {
	if len(plan) == 0 {
		return nil
	}
	offsets := kadm.Offsets{}
	for _, line := range plan {
		offsets.AddOffset(line.Topic, line.Partition, line.Offset, -1)
	}
	done, err := r.adm.CommitOffsets(ctx, r.group, offsets)
	if err != nil {
		return fmt.Errorf("group %s: %w", r.group, err)
	}
	var errs []error
	for i := range plan {
		line := &plan[i]
		o, ok := done.Lookup(line.Topic, line.Partition)
		if !ok {
			o.Err = errors.New("the broker doesn't answer for it")
		}
		if line.Result = "reset"; o.Err != nil {
			line.Result, line.Error = "failed", o.Err.Error()
			errs = append(errs, fmt.Errorf("group %s: %s/%d: %w", r.group, line.Topic, line.Partition, o.Err))
		}
	}
	return errors.Join(errs...)
}

// resetPlan holds offsets by group, topic and partition.
type resetPlan map[string]map[string]map[int32]int64

// readResetPlan reads a file that --export wrote. Lines of three columns are about the only group named.
func readResetPlan(name string, groups []string) (resetPlan, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	plan, err := parseResetPlan(f, groups)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return plan, nil
}

func parseResetPlan(in io.Reader, groups []string) (resetPlan, error) {
	r := csv.NewReader(in)
	r.FieldsPerRecord, r.TrimLeadingSpace, r.ReuseRecord = -1, true, true
	plan := resetPlan{}
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return plan, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		if len(fields) == 3 && len(groups) == 1 {
			fields = []string{groups[0], fields[0], fields[1], fields[2]}
		}
		if err := plan.add(fields, len(groups)); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
}

func (p resetPlan) add(fields []string, groups int) error {
	if len(fields) == 3 {
		return fmt.Errorf("topic,partition,offset goes with one GROUP, not %d", groups)
	}
	if len(fields) != 4 {
		return fmt.Errorf("want topic,partition,offset or group,topic,partition,offset, not %s", plural(int64(len(fields)), "field"))
	}
	group, topic := fields[0], fields[1]
	partition, err := strconv.ParseInt(fields[2], 10, 32)
	if err != nil || partition < 0 {
		return fmt.Errorf("%q is not a partition number", fields[2])
	}
	offset, err := strconv.ParseInt(fields[3], 10, 64)
	if err != nil || offset < 0 {
		return fmt.Errorf("%q is not an offset", fields[3])
	}
	if p[group] == nil {
		p[group] = map[string]map[int32]int64{}
	}
	if p[group][topic] == nil {
		p[group][topic] = map[int32]int64{}
	}
	if _, twice := p[group][topic][int32(partition)]; twice {
		return fmt.Errorf("%s/%d is there twice", topic, partition)
	}
	p[group][topic][int32(partition)] = offset
	return nil
}

// writeResetPlan writes the file that readResetPlan and Kafka's own tool read. one: only one group was named.
func writeResetPlan(w io.Writer, plan []offsetReset, one bool) error {
	out := csv.NewWriter(w)
	for _, r := range plan {
		fields := []string{r.Group, r.Topic, strconv.Itoa(int(r.Partition)), strconv.FormatInt(r.Offset, 10)}
		if one {
			fields = fields[1:]
		}
		if err := out.Write(fields); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
