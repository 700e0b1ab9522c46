package signal

// EndReason says why a read ended, by MinKNOW's own name. Unknown names are
// kept as they are.
type EndReason string

// The end reasons that MinKNOW writes today.
const (
	EndUnknown              EndReason = "unknown"
	EndMuxChange            EndReason = "mux_change"
	EndUnblockMuxChange     EndReason = "unblock_mux_change"
	EndDataServiceUnblock   EndReason = "data_service_unblock_mux_change"
	EndSignalPositive       EndReason = "signal_positive"
	EndSignalNegative       EndReason = "signal_negative"
	EndAPIRequest           EndReason = "api_request"
	EndDeviceDataError      EndReason = "device_data_error"
	EndAnalysisConfigChange EndReason = "analysis_config_change"
	EndPaused               EndReason = "paused"
)

// EndReasons lists them in the order in which POD5 writers number them.
func EndReasons() []EndReason {
	return []EndReason{
		EndUnknown, EndMuxChange, EndUnblockMuxChange, EndDataServiceUnblock, EndSignalPositive,
		EndSignalNegative, EndAPIRequest, EndDeviceDataError, EndAnalysisConfigChange, EndPaused,
	}
}
