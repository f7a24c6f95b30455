// Compatibility flags: behaviour that a version chose by its compatibility date, or by name. One table; a new flag is
// one enumerator and one row.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::wire {

enum class Compatibility : uint8_t {
  kWebSocketCompression,
  kWebSocketCloseReasonByteLimit,
  kWebSocketStandardBinaryType,
  kWebSocketAutoReplyToClose,
  kGlobalFetchStrictlyPublic,
  kHandleCrossRequestPromiseResolution,
  kExportCommonJsDefault,
  kRequireReturnsDefaultExport,
  kEnableRequestSignal,
  kRequestSignalPassthrough,
  kNodejsCompat,
  kNodejsAls,
  kNodejsCompatPopulateProcessEnv,
};

struct CompatibilityRule {
  Compatibility flag;
  std::string_view name;      // turns it on, whatever the date
  std::string_view opposite;  // turns it off, whatever the date
  std::string_view since;     // YYYY-MM-DD: on by default from this date; empty: never
};

// In the order of the enumerators; names and dates are the platform's.
inline constexpr std::array kCompatibilityRules{
    CompatibilityRule{Compatibility::kWebSocketCompression, "web_socket_compression", "no_web_socket_compression",
                      "2023-08-15"},
    CompatibilityRule{Compatibility::kWebSocketCloseReasonByteLimit, "websocket_close_reason_byte_limit",
                      "no_websocket_close_reason_byte_limit", "2026-03-03"},
    CompatibilityRule{Compatibility::kWebSocketStandardBinaryType, "websocket_standard_binary_type",
                      "no_websocket_standard_binary_type", "2026-03-17"},
    CompatibilityRule{Compatibility::kWebSocketAutoReplyToClose, "web_socket_auto_reply_to_close",
                      "web_socket_manual_reply_to_close", "2026-04-07"},
    CompatibilityRule{Compatibility::kGlobalFetchStrictlyPublic, "global_fetch_strictly_public",
                      "global_fetch_private_origin", ""},
    CompatibilityRule{Compatibility::kHandleCrossRequestPromiseResolution, "handle_cross_request_promise_resolution",
                      "no_handle_cross_request_promise_resolution", "2024-10-14"},
    CompatibilityRule{Compatibility::kExportCommonJsDefault, "export_commonjs_default", "export_commonjs_namespace",
                      "2022-10-31"},
    CompatibilityRule{Compatibility::kRequireReturnsDefaultExport, "require_returns_default_export",
                      "require_returns_namespace", "2026-01-22"},
    CompatibilityRule{Compatibility::kEnableRequestSignal, "enable_request_signal", "disable_request_signal",
                      "2026-11-17"},
    CompatibilityRule{Compatibility::kRequestSignalPassthrough, "request_signal_passthrough",
                      "no_request_signal_passthrough", ""},
    CompatibilityRule{Compatibility::kNodejsCompat, "nodejs_compat", "no_nodejs_compat", "2026-08-04"},
    CompatibilityRule{Compatibility::kNodejsAls, "nodejs_als", "no_nodejs_als", ""},
    CompatibilityRule{Compatibility::kNodejsCompatPopulateProcessEnv, "nodejs_compat_populate_process_env",
                      "nodejs_compat_do_not_populate_process_env", "2025-04-01"},
};

constexpr bool compatibilityRulesAreInOrder() {
  for (size_t i = 0; i < kCompatibilityRules.size(); ++i) {
    if (static_cast<size_t>(kCompatibilityRules[i].flag) != i) return false;
  }
  return true;
}
static_assert(compatibilityRulesAreInOrder(), "a set indexes the table by the flag's number");
static_assert(kCompatibilityRules.size() <= 64, "a set is one word");

// The flag that `name` turns on, or nullopt.
std::optional<Compatibility> findCompatibility(std::string_view name);

// What is on for one version.
class CompatibilitySet {
 public:
  CompatibilitySet() = default;
  // `date` is YYYY-MM-DD, `flags` names separated by commas; names that are not in the table are passed over. A flag
  // that is named both ways is off.
  static CompatibilitySet of(std::string_view date, std::string_view flags);

  bool has(Compatibility flag) const { return (bits_ >> static_cast<unsigned>(flag) & 1) != 0; }

 private:
  uint64_t bits_ = 0;
};

}  // namespace weir::wire
