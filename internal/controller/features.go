package controller

import (
	"context"
	"fmt"

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

// Features are the features this version knows, by name. Those of the
// coordinators are at 0, "off", until the coordinators are there.
var Features = []Feature{
	{"eligible.leader.replicas.version", 0, 1, 1},
	{"group.version", 0, 0, 0},
	{"kraft.version", 0, 1, 1},
	{MetadataVersion, 7, 33, 33},
	{"share.version", 0, 0, 0},
	{"streams.version", 0, 0, 0},
	{"transaction.version", 0, 0, 0},
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
// response has a result for each feature.
func updateFeatures(img *metadata.Image, m *protocol.UpdateFeaturesRequest, version int16) ([]metadata.Record, *protocol.UpdateFeaturesResponse) {
	resp := &protocol.UpdateFeaturesResponse{}
	var records []metadata.Record
	seen := make(map[string]bool)
	for i := range m.FeatureUpdates {
		u := &m.FeatureUpdates[i]
		if version == 0 {
			u.UpgradeType = upgrade
			if u.AllowDowngrade {
				u.UpgradeType = unsafeDowngrade
			}
		}
		err := checkUpdate(img, u, seen)
		seen[u.Feature] = true
		if err != nil {
			resp.ErrorCode, resp.ErrorMessage = codeAndText(err)
			return nil, resp
		}
		if img.Feature(u.Feature) != u.MaxVersionLevel {
			records = append(records, &protocol.FeatureLevelRecord{Name: u.Feature, FeatureLevel: u.MaxVersionLevel})
		}
		if version < 2 {
			resp.Results = append(resp.Results, protocol.UpdateFeaturesResponseUpdatableFeatureResult{Feature: u.Feature})
		}
	}
	if m.ValidateOnly {
		return nil, resp
	}
	return records, resp
}

func checkUpdate(img *metadata.Image, u *protocol.UpdateFeaturesRequestFeatureUpdateKey, seen map[string]bool) error {
	f, current := feature(u.Feature), img.Feature(u.Feature)
	switch {
	case seen[u.Feature]:
		return refuse(protocol.ErrInvalidRequest, "Provided feature "+u.Feature+" more than once.")
	case f == nil:
		return refuse(protocol.ErrInvalidUpdateVersion, fmt.Sprintf("Invalid update version %d for feature %s. The feature is not known.", u.MaxVersionLevel, u.Feature))
	case u.UpgradeType < upgrade || u.UpgradeType > unsafeDowngrade:
		return refuse(protocol.ErrInvalidUpdateVersion, fmt.Sprintf("Invalid update version %d for feature %s. The controller does not support the given upgrade type.", u.MaxVersionLevel, u.Feature))
	case u.MaxVersionLevel < 0:
		return refuse(protocol.ErrInvalidUpdateVersion, fmt.Sprintf("Invalid update version %d for feature %s. A feature version cannot be less than 0.", u.MaxVersionLevel, u.Feature))
	case u.MaxVersionLevel > f.Max || u.MaxVersionLevel < f.Min && u.MaxVersionLevel != 0:
		return refuse(protocol.ErrInvalidUpdateVersion, fmt.Sprintf("Invalid update version %d for feature %s. Local controller %d only supports versions %d-%d", u.MaxVersionLevel, u.Feature, 1, f.Min, f.Max))
	case u.MaxVersionLevel < current && u.UpgradeType == upgrade:
		return refuse(protocol.ErrInvalidUpdateVersion, fmt.Sprintf("Invalid update version %d for feature %s. Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.", u.MaxVersionLevel, u.Feature))
	case u.MaxVersionLevel > current && u.UpgradeType != upgrade:
		return refuse(protocol.ErrInvalidUpdateVersion, fmt.Sprintf("Invalid update version %d for feature %s. Can't downgrade to a newer version.", u.MaxVersionLevel, u.Feature))
	}
	return nil
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
