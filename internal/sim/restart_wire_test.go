package sim

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"reflect"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// speaker is a connection that speaks Kafka with franz-go's messages: nothing of it is this project's code. It does one
// request at a time. Its errors are those of the connection; codes are in the answers.
type speaker struct {
	dial        dialer
	nc          net.Conn
	correlation int32
	format      *kmsg.RequestFormatter
}

func newSpeaker(dial dialer, name string) *speaker {
	return &speaker{dial: dial, format: kmsg.NewRequestFormatter(kmsg.FormatterClientID(name))}
}

func (s *speaker) close() {
	if s.nc != nil {
		s.nc.Close()
		s.nc = nil
	}
}

// call sends a request, whose version is set, and reads its answer. It dials first if there is no connection.
func (s *speaker) call(rq kmsg.Request) (rs kmsg.Response, err error) {
	if s.nc == nil {
		if s.nc, err = s.dial(); err != nil {
			s.nc = nil
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			s.close()
			err = fmt.Errorf("%s: %w", kmsg.NameForKey(rq.Key()), err)
		}
	}()
	s.correlation++
	if err := s.nc.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return nil, err
	}
	if _, err := s.nc.Write(s.format.AppendRequest(nil, rq, s.correlation)); err != nil {
		return nil, err
	}
	return s.answer(rq)
}

func (s *speaker) answer(rq kmsg.Request) (kmsg.Response, error) {
	var size [4]byte
	if _, err := io.ReadFull(s.nc, size[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(s.nc, body); err != nil {
		return nil, err
	}
	b := kbin.Reader{Src: body}
	if got := b.Int32(); got != s.correlation {
		return nil, fmt.Errorf("the answer is that of request %d, not %d", got, s.correlation)
	}
	if rq.IsFlexible() && rq.Key() != int16(kmsg.ApiVersions) {
		kmsg.SkipTags(&b)
	}
	rs := rq.ResponseKind()
	rs.SetVersion(rq.GetVersion())
	return rs, rs.ReadFrom(b.Src)
}

// patience is how long a request that is told to ask again is sent again.
const patience = 20 * time.Second

// ask calls until no code of the answer says to ask again, and returns the first code that isn't 0.
func ask[R kmsg.Response](s *speaker, rq kmsg.Request) (R, error) {
	var none R
	for deadline := time.Now().Add(patience); ; {
		rs, err := s.call(rq)
		if err != nil {
			return none, err
		}
		found := codesOf(reflect.ValueOf(rs), nil)
		again := false
		for _, c := range found {
			again = again || askAgain[c]
		}
		if !again || time.Now().After(deadline) {
			if len(found) > 0 {
				return rs.(R), kerr.ErrorForCode(found[0])
			}
			return rs.(R), nil
		}
		<-time.After(2 * time.Millisecond) // a client backs off
	}
}

// askAgain are the codes of what is being loaded, elected, or completed.
var askAgain = map[int16]bool{
	kerr.LeaderNotAvailable.Code: true, kerr.NotLeaderForPartition.Code: true, kerr.CoordinatorLoadInProgress.Code: true,
	kerr.CoordinatorNotAvailable.Code: true, kerr.NotCoordinator.Code: true, kerr.ConcurrentTransactions.Code: true,
	kerr.RebalanceInProgress.Code: true,
}

// codesOf collects all error codes of an answer that aren't 0.
func codesOf(v reflect.Value, out []int16) []int16 {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return codesOf(v.Elem(), out)
		}
	case reflect.Slice:
		if k := v.Type().Elem().Kind(); k == reflect.Struct || k == reflect.Pointer {
			for i := range v.Len() {
				out = codesOf(v.Index(i), out)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Name == "ErrorCode" {
				if c := int16(v.Field(i).Int()); c != 0 {
					out = append(out, c)
				}
			} else if f.IsExported() {
				out = codesOf(v.Field(i), out)
			}
		}
	}
	return out
}

var castagnoliTable = crc32.MakeTable(crc32.Castagnoli)

// ref is a pointer to a copy.
func ref[T any](v T) *T { return &v }
