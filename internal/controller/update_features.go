package controller

import (
	"context"
	"fmt"
	"slices"

	"github.com/travisjeffery/jocko/internal/metadata"
	"github.com/travisjeffery/jocko/internal/protocol"
)

// MetadataVersion is the feature that says which Kafka release the metadata is
// written for.
const MetadataVersion = "metadata.version"

// A Feature is a feature this version knows, the levels it can work at, and the
// level that a new cluster begins with.
type Feature struct {
	Name     string
	Min, Max int16
	New      int16
}

// Features are the features this version knows, by name. Those of
// coordinators that aren't there are at 0, "off".
var Features = []Feature{
	{"eligible.leader.replicas.version", 0, 1, 1},
	{"group.version", 0, 1, 1},
	{"kraft.version", 0, 1, 1},
	{MetadataVersion, 7, 33, 33},
	{"share.version", 0, 0, 0},
	{"streams.version", 0, 0, 0},
	{"transaction.version", 0, 2, 2},
}

func feature(name string) *Feature {
	for i := range Features {
		if Features[i].Name == name {
			return &Features[i]
		}
	}
	return nil
}

// The kinds of feature updates (KIP-584).
const (
	upgrade         = 1
	safeDowngrade   = 2
	unsafeDowngrade = 3
)

// UpdateFeatures changes the finalized levels of features, all or none.
func (c *Controller) UpdateFeatures(ctx context.Context, m *protocol.UpdateFeaturesRequest, version int16) *protocol.UpdateFeaturesResponse {
	ctx, cancel := within(ctx, m.TimeoutMs)
	defer cancel()
	resp, err := ask(ctx, c, func(img *metadata.Image) ([]metadata.Record, *protocol.UpdateFeaturesResponse) {
		return updateFeatures(img, m, version)
	})
	if err != nil {
		code, text := codeAndText(err)
		return &protocol.UpdateFeaturesResponse{ErrorCode: code, ErrorMessage: text}
	}
	return resp
}

// updateFeatures decides on an UpdateFeatures request. Up to version 1 the
// response has a result for each feature, as often as the request names it.
func updateFeatures(img *metadata.Image, m *protocol.UpdateFeaturesRequest, version int16) ([]metadata.Record, *protocol.UpdateFeaturesResponse) {
	resp := &protocol.UpdateFeaturesResponse{}
	var records []metadata.Record
	for _, u := range lastUpdates(m, version) {
		if err := checkUpdate(img, &u); err != nil {
			resp.ErrorCode, resp.ErrorMessage = codeAndText(err)
			return nil, resp
		}
		if img.Feature(u.Feature) != u.MaxVersionLevel {
			records = append(records, &protocol.FeatureLevelRecord{Name: u.Feature, FeatureLevel: u.MaxVersionLevel})
		}
	}
	if version < 2 {
		for _, u := range m.FeatureUpdates {
			resp.Results = append(resp.Results, protocol.UpdateFeaturesResponseUpdatableFeatureResult{Feature: u.Feature})
		}
	}
	if m.ValidateOnly {
		return nil, resp
	}
	return records, resp
}

// lastUpdates are the updates of a request with the kind that version 0 says in
// its own way. Of several for one feature the last holds.
func lastUpdates(m *protocol.UpdateFeaturesRequest, version int16) []protocol.UpdateFeaturesRequestFeatureUpdateKey {
	var out []protocol.UpdateFeaturesRequestFeatureUpdateKey
	for _, u := range m.FeatureUpdates {
		if version == 0 {
			u.UpgradeType = upgrade
			if u.AllowDowngrade {
				u.UpgradeType = unsafeDowngrade
			}
		}
		out = slices.DeleteFunc(out, func(o protocol.UpdateFeaturesRequestFeatureUpdateKey) bool { return o.Feature == u.Feature })
		out = append(out, u)
	}
	return out
}

// checkUpdate tells why a feature can't go to a level.
func checkUpdate(img *metadata.Image, u *protocol.UpdateFeaturesRequestFeatureUpdateKey) error {
	reason := refusedLevel(feature(u.Feature), img.Feature(u.Feature), u)
	if reason == "" {
		return nil
	}
	return protocol.Refuse(protocol.ErrInvalidUpdateVersion, "The update failed for all features since the following feature had an error: "+reason)
}

// refusedLevel is the reason, "" if there is none; f is nil for a feature that
// isn't known.
func refusedLevel(f *Feature, current int16, u *protocol.UpdateFeaturesRequestFeatureUpdateKey) string {
	invalid := func(why string) string {
		return fmt.Sprintf("Invalid update version %d for feature %s. %s", u.MaxVersionLevel, u.Feature, why)
	}
	level := u.MaxVersionLevel
	switch {
	case u.UpgradeType < upgrade || u.UpgradeType > unsafeDowngrade:
		return invalid("The controller does not support the given upgrade type.")
	case level < 0:
		return invalid("A feature version cannot be less than 0.")
	case f == nil:
		return invalid("The controller does not support this feature.")
	case level > f.Max || level < f.Min:
		return invalid(fmt.Sprintf("The controller only supports versions %d-%d", f.Min, f.Max))
	case level < current && u.UpgradeType == upgrade:
		return invalid("Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.")
	case level > current && u.UpgradeType != upgrade:
		return invalid("Can't downgrade to a newer version.")
	case level < current && u.Feature == MetadataVersion:
		return fmt.Sprintf("Unsupported metadata.version downgrade from %d to %d. It might delete metadata that the lower version has no record for.", current, level)
	}
	return ""
}

// newCluster is what the metadata log of a new cluster begins with.
func newCluster(id string) []metadata.Record {
	records := []metadata.Record{&protocol.ClusterRecord{ClusterId: id}}
	for _, f := range Features {
		if f.New > 0 {
			records = append(records, &protocol.FeatureLevelRecord{Name: f.Name, FeatureLevel: f.New})
		}
	}
	return records
}
