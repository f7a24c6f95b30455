#include "control/compatibility_flags.h"

#include <algorithm>
#include <array>
#include <set>

#include "catalog/error.h"

namespace weir::control {

namespace {

// In the order in which they came to be.
constexpr CompatibilityFlag kFlags[] = {
    {"formdata_parser_supports_files", "formdata_parser_converts_files_to_strings", "2021-11-03"},
    {"fetch_refuses_unknown_protocols", "fetch_treats_unknown_protocols_as_http", "2021-11-10"},
    {"html_rewriter_treats_esi_include_as_void_tag", "", ""},
    {"durable_object_fetch_requires_full_url", "durable_object_fetch_allows_relative_url", "2021-11-10"},
    {"streams_byob_reader_detaches_buffer", "streams_byob_reader_does_not_detach_buffer", "2021-11-10"},
    {"streams_enable_constructors", "streams_disable_constructors", "2022-11-30"},
    {"workers_api_getters_setters_on_prototype", "workers_api_getters_setters_on_instance", "2022-01-31"},
    {"minimal_subrequests", "no_minimal_subrequests", "2022-04-05"},
    {"no_cots_on_external_fetch", "cots_on_external_fetch", "2022-03-08"},
    {"url_standard", "url_original", "2022-10-31"},
    {"global_navigator", "no_global_navigator", "2022-03-21"},
    {"capture_async_api_throws", "do_not_capture_async_api_throws", "2022-10-31"},
    {"r2_public_beta_bindings", "r2_internal_beta_bindings", ""},
    {"durable_object_alarms", "", ""},
    {"dont_substitute_null_on_type_error", "substitute_null_on_type_error", "2022-06-01"},
    {"transformstream_enable_standard_constructor", "transformstream_disable_standard_constructor", "2022-11-30"},
    {"r2_list_honor_include", "", "2022-08-04"},
    {"export_commonjs_default", "export_commonjs_namespace", "2022-10-31"},
    {"durable_object_rename", "", "", true},
    {"web_socket_compression", "no_web_socket_compression", "2023-08-15"},
    {"nodejs_compat", "no_nodejs_compat", "2026-08-04"},
    {"tcp_sockets_support", "", ""},
    {"response_redirect_url_standard", "response_redirect_url_original", "2023-03-14"},
    {"experimental", "", "", true},
    {"durable_object_get_existing", "", "", true},
    {"http_headers_getsetcookie", "no_http_headers_getsetcookie", "2023-03-01"},
    {"dynamic_dispatch_tunnel_exceptions", "dynamic_dispatch_treat_exceptions_as_500", "2023-03-01"},
    {"service_binding_extra_handlers", "", "", true},
    {"no_cf_botmanagement_default", "cf_botmanagement_default", "2023-08-01"},
    {"urlsearchparams_delete_has_value_arg", "no_urlsearchparams_delete_has_value_arg", "2023-07-01"},
    {"strict_compression_checks", "no_strict_compression_checks", "2023-08-01"},
    {"brotli_content_encoding", "no_brotli_content_encoding", "2024-04-29"},
    {"strict_crypto_checks", "no_strict_crypto_checks", "2023-08-01"},
    {"rtti_api", "", "", true},
    {"webgpu", "", "", true},
    {"crypto_preserve_public_exponent", "no_crypto_preserve_public_exponent", "2023-12-01"},
    {"vectorize_query_metadata_optional", "vectorize_query_original", "2023-11-08"},
    {"unsafe_module", "", "", true},
    {"js_rpc", "", "", true},
    {"no_global_importscripts", "global_importscripts", "2024-03-04"},
    {"nodejs_als", "no_nodejs_als", ""},
    {"queues_json_messages", "no_queues_json_messages", "2024-03-18"},
    {"python_workers", "", ""},
    {"fetcher_no_get_put_delete", "fetcher_has_get_put_delete", "2024-03-26"},
    {"unwrap_custom_thenables", "no_unwrap_custom_thenables", "2024-04-01"},
    {"", "no_rpc", ""},
    {"internal_stream_byob_return_view", "internal_stream_byob_return_undefined", "2024-05-13"},
    {"blob_standard_mime_type", "blob_legacy_mime_type", "2024-06-03"},
    {"fetch_standard_url", "fetch_legacy_url", "2024-06-03"},
    {"nodejs_compat_v2", "no_nodejs_compat_v2", "2026-08-04"},
    {"global_fetch_strictly_public", "global_fetch_private_origin", ""},
    {"new_module_registry", "legacy_module_registry", "2026-11-17"},
    {"cache_option_enabled", "cache_option_disabled", "2024-11-11"},
    {"kv_direct_binding", "", "", true},
    {"allow_custom_ports", "ignore_custom_ports", "2024-09-02"},
    {"increase_websocket_message_size", "", "", true},
    {"internal_writable_stream_abort_clears_queue", "internal_writable_stream_abort_does_not_clear_queue",
     "2024-09-02"},
    {"python_workers_development", "", "", true},
    {"nodejs_zlib", "no_nodejs_zlib", ""},
    {"replica_routing", "", "", true},
    {"enable_d1_with_sessions_api", "", "", true},
    {"handle_cross_request_promise_resolution", "no_handle_cross_request_promise_resolution", "2024-10-14"},
    {"set_tostring_tag", "do_not_set_tostring_tag", "2024-09-26"},
    {"upper_case_all_http_methods", "no_upper_case_all_http_methods", "2024-10-14"},
    {"python_external_packages", "", ""},
    {"disable_top_level_await_in_require", "enable_top_level_await_in_require", "2024-12-02"},
    {"fixup-transform-stream-backpressure", "original-transform-stream-backpressure", "2024-12-16"},
    {"tail_worker_user_spans", "", "", true},
    {"cache_no_cache_enabled", "cache_no_cache_disabled", ""},
    {"python_workers_20250116", "no_python_workers_20250116", ""},
    {"request_cf_overrides_cache_rules", "no_request_cf_overrides_cache_rules", "2025-04-02"},
    {"memory_cache_delete", "", "", true},
    {"unique_ctx_per_invocation", "", "2025-03-10"},
    {"queue_consumer_no_wait_for_wait_until", "queue_consumer_wait_for_wait_until", ""},
    {"nodejs_compat_populate_process_env", "nodejs_compat_do_not_populate_process_env", "2025-04-01"},
    {"cache_api_request_cf_overrides_cache_rules", "no_cache_api_request_cf_overrides_cache_rules", "2025-05-19"},
    {"disallow_importable_env", "allow_importable_env", ""},
    {"assets_navigation_prefers_asset_serving", "assets_navigation_has_no_effect", "2025-04-01"},
    {"cache_api_compat_flags", "no_cache_api_compat_flags", "2025-04-19"},
    {"python_workers_durable_objects", "", "", true},
    {"streaming_tail_worker", "", "", true},
    {"urlpattern_standard", "urlpattern_original", "2025-05-01"},
    {"enable_weak_ref", "disable_weak_ref", "2025-05-05"},
    {"request_signal_passthrough", "no_request_signal_passthrough", ""},
    {"enable_navigator_language", "disable_navigator_language", "2025-05-19"},
    {"enable_web_file_system", "", "", true},
    {"enable_abortsignal_rpc", "", "", true},
    {"allow_eval_during_startup", "disallow_eval_during_startup", "2025-06-01"},
    {"enable_request_signal", "disable_request_signal", "2026-11-17"},
    {"connect_pass_through", "", "", true},
    {"nonclass_entrypoint_reuses_ctx_across_invocations", "", ""},
    {"bind_asynclocalstorage_snapshot_to_request", "do_not_bind_asynclocalstorage_snapshot_to-request", "2025-06-16"},
    {"throw_on_unrecognized_import_assertion", "ignore_unrecognized_import_assertion", "2025-06-16"},
    {"python_workflows", "disable_python_workflows", ""},
    {"unsupported_process_actual_platform", "", "", true},
    {"enable_nodejs_process_v2", "disable_nodejs_process_v2", ""},
    {"set_event_target_this", "no_set_event_target_this", "2025-08-01"},
    {"set_forwardable_email_full_headers", "set_forwardable_email_single_headers", "2025-08-01"},
    {"enable_nodejs_http_modules", "disable_nodejs_http_modules", ""},
    {"pedantic_wpt", "non_pedantic_wpt", ""},
    {"expose_global_message_channel", "no_expose_global_message_channel", "2025-08-15"},
    {"enable_nodejs_http_server_modules", "disable_nodejs_http_server_modules", ""},
    {"python_no_global_handlers", "disable_python_no_global_handlers", ""},
    {"enable_nodejs_fs_module", "disable_nodejs_fs_module", ""},
    {"enable_nodejs_os_module", "disable_nodejs_os_module", ""},
    {"python_workers_force_new_vendor_path", "", ""},
    {"remove_nodejs_compat_eol", "add_nodejs_compat_eol", ""},
    {"enable_validate_workflow_entrypoint", "disable_validate_workflow_entrypoint", "2025-09-20"},
    {"python_dedicated_snapshot", "disable_python_dedicated_snapshot", ""},
    {"typescript_strip_types", "", "", true},
    {"enable_nodejs_http2_module", "disable_nodejs_http2_module", ""},
    {"allow_insecure_inefficient_logged_eval", "", "", true},
    {"strip_authorization_on_cross_origin_redirect", "retain_authorization_on_cross_origin_redirect", "2025-09-01"},
    {"enhanced_error_serialization", "legacy_error_serialization", "2026-04-21"},
    {"enable_email_sending_queuing", "disable_email_sending_queuing", ""},
    {"remove_nodejs_compat_eol_v22", "add_nodejs_compat_eol_v22", ""},
    {"remove_nodejs_compat_eol_v23", "add_nodejs_compat_eol_v23", ""},
    {"remove_nodejs_compat_eol_v24", "add_nodejs_compat_eol_v24", ""},
    {"enable_nodejs_console_module", "disable_nodejs_console_module", ""},
    {"enable_nodejs_vm_module", "disable_nodejs_vm_module", ""},
    {"enable_nodejs_perf_hooks_module", "disable_nodejs_perf_hooks_module", ""},
    {"enable_global_performance_classes", "disable_global_performance_classes", ""},
    {"enable_nodejs_domain_module", "disable_nodejs_domain_module", ""},
    {"enable_nodejs_v8_module", "disable_nodejs_v8_module", ""},
    {"enable_nodejs_tty_module", "disable_nodejs_tty_module", ""},
    {"enable_nodejs_punycode_module", "disable_nodejs_punycode_module", ""},
    {"enable_nodejs_cluster_module", "disable_nodejs_cluster_module", ""},
    {"enable_nodejs_child_process_module", "disable_nodejs_child_process_module", ""},
    {"enable_nodejs_worker_threads_module", "disable_nodejs_worker_threads_module", ""},
    {"enable_nodejs_stream_wrap_module", "disable_nodejs_stream_wrap_module", ""},
    {"enable_nodejs_wasi_module", "disable_nodejs_wasi_module", ""},
    {"enable_nodejs_dgram_module", "disable_nodejs_dgram_module", ""},
    {"enable_nodejs_inspector_module", "disable_nodejs_inspector_module", ""},
    {"enable_nodejs_trace_events_module", "disable_nodejs_trace_events_module", ""},
    {"enable_nodejs_readline_module", "disable_nodejs_readline_module", ""},
    {"enable_nodejs_repl_module", "disable_nodejs_repl_module", ""},
    {"enable_nodejs_sqlite_module", "disable_nodejs_sqlite_module", ""},
    {"enable_ctx_exports", "disable_ctx_exports", "2025-11-17"},
    {"enable_python_external_sdk", "disable_python_external_sdk", ""},
    {"enable_fast_jsg_struct", "disable_fast_jsg_struct", "2025-12-03"},
    {"cache_reload_enabled", "cache_reload_disabled", "", true},
    {"enable_streams_nodejs_v24_compat", "disable_streams_nodejs_v24_compat", ""},
    {"python_check_rng_state", "disable_python_check_rng_state", ""},
    {"immutable_api_prototypes", "mutable_api_prototypes", ""},
    {"fetch_iterable_type_support", "no_fetch_iterable_type_support", "2026-02-19"},
    {"env_module_nullable_support", "no_env_module_nullable_support", ""},
    {"precise_timers", "no_precise_timers", "", true},
    {"fetch_iterable_type_support_override_adjustment", "no_fetch_iterable_type_support_override_adjustment", ""},
    {"strip_bom_in_read_all_text", "do_not_strip_bom_in_read_all_text", "2026-01-13"},
    {"allow_irrevocable_stub_storage", "", ""},
    {"rpc_params_dup_stubs", "rpc_params_transfer_stubs", "2026-01-20"},
    {"enable_nodejs_global_timers", "no_nodejs_global_timers", ""},
    {"streams_no_default_auto_allocate_chunk_size", "streams_auto_allocate_chunk_size_default", "", true},
    {"python_workflows_implicit_dependencies", "no_python_workflows_implicit_dependencies", ""},
    {"require_returns_default_export", "require_returns_namespace", "2026-01-22"},
    {"python_request_headers_preserve_commas", "disable_python_request_headers_preserve_commas", ""},
    {"queue_expose_error_codes", "no_queue_expose_error_codes", "2026-03-12"},
    {"text_decoder_replace_surrogates", "disable_text_decoder_replace_surrogates", "2026-02-24"},
    {"containers_pid_namespace", "no_containers_pid_namespace", "2026-04-01"},
    {"delete_all_deletes_alarm", "delete_all_preserves_alarm", "2026-02-24"},
    {"unhandled_rejection_after_microtask_checkpoint", "no_unhandled_rejection_after_microtask_checkpoint",
     "2026-03-03"},
    {"text_decoder_cjk_decoder", "disable_text_decoder_cjk_decoder", "2026-03-03"},
    {"websocket_close_reason_byte_limit", "no_websocket_close_reason_byte_limit", "2026-03-03"},
    {"enable_version_api", "", "", true},
    {"websocket_standard_binary_type", "no_websocket_standard_binary_type", "2026-03-17"},
    {"writable_stream_spec_compliant_writer", "no_writable_stream_spec_compliant_writer", "2026-03-24"},
    {"encoder_stream_spec_compliant_backpressure", "no_encoder_stream_spec_compliant_backpressure", "2026-03-24"},
    {"spec_compliant_property_attributes", "no_spec_compliant_property_attributes", "", true},
    {"workflows_preserve_non_retryable_error_message", "workflows_replace_non_retryable_error_message", "2026-05-14"},
    {"web_socket_auto_reply_to_close", "web_socket_manual_reply_to_close", "2026-04-07"},
    {"enable_ctx_version_metadata", "", "", true},
    {"no_resizable_array_buffer_in_blob", "resizable_array_buffer_in_blob", ""},
    {"diagnostics_channel_has_subscribers_getter", "no_diagnostics_channel_has_subscribers_getter", "2026-05-19"},
    {"workflows_step_rollback", "", "", true},
    {"python_process_pth_files", "disable_python_process_pth_files", ""},
    {"throw_on_not_implemented_tls_options", "no_throw_on_not_implemented_tls_options", "2026-06-16"},
    {"auto_grpc_convert", "", ""},
    {"python_workers_20260610", "no_python_workers_20260610", ""},
    {"enable_nodejs_inspector_local_dev", "", "", true},
    {"d1_binding_jsrpc", "", "", true},
    {"workflows_bindings_rpc", "", "", true},
    {"typescript_implemented_streams", "", "", true},
    {"expose_draining_reader", "", "", true},
    {"workflows_enable_fast_engine_creation", "workflows_disable_fast_engine_creation", "2026-08-11"},
    {"wasm_memory_discard", "", "", true},
    {"python_workers_314", "no_python_workers_314", ""},
    {"spec_compliant_dispatch_exceptions", "no_spec_compliant_dispatch_exceptions", "2026-09-15"},
    {"auto_inject_python_workers", "no_auto_inject_python_workers", "", true},
    {"durable_object_io_tasks_prevent_eviction", "durable_object_io_tasks_do_not_prevent_eviction", "2026-10-01"},
    {"webcrypto_modern_algorithms", "", ""},
    {"wasm_esm_integration_builtins", "", ""},
    {"pipe_to_backward_propagation", "no_pipe_to_backward_propagation", "2026-11-17"},
    {"cache_option_preserves_cache_control", "cache_option_overrides_cache_control", "2026-11-17"},
    {"durable_object_snapshots", "", "", true},
    {"connect_handler_starttls", "", "", true},
    {"offpeak_location_hint", "", "", true},
    {"python_shared_standard_library", "", ""},
    {"wasm_source_url_support", "no_wasm_source_url_support", ""},
    {"", "no_temporal", ""},
    {"python_zstd_snapshot", "", "", true},
    {"nodejs_process_version_24", "no_nodejs_process_version_24", "2026-11-24"},
    {"r2_binding_jsrpc", "", "", true},
    {"rpc_dispose_cancels_call", "", "", true},
    {"expose_serialization_test_class", "", "", true},
    {"python_dedicated_snapshot_keep_import_caches", "no_python_dedicated_snapshot_keep_import_caches", ""},
};

const CompatibilityFlag* find(std::string_view flag) {
  if (flag.empty()) return nullptr;
  const auto* const at = std::find_if(std::begin(kFlags), std::end(kFlags), [&](const CompatibilityFlag& each) {
    return each.name == flag || each.opposite == flag;
  });
  return at == std::end(kFlags) ? nullptr : at;
}

}  // namespace

std::span<const CompatibilityFlag> compatibilityFlags() { return kFlags; }

std::string problemsWithFlags(const std::vector<std::string_view>& flags) {
  std::string problems;
  const auto say = [&](const std::string& line) { problems += (problems.empty() ? "" : "\n") + line; };
  std::set<std::string_view> seen;
  for (const std::string_view flag : flags) {
    const std::string shown = catalog::shown(flag);
    if (!seen.insert(flag).second) {
      say("Compatibility flag specified multiple times: " + shown);
      continue;
    }
    const auto* const known = find(flag);
    if (known == nullptr) {
      say("No such compatibility flag: " + shown);
    } else if (known->experimental && flag == known->name) {
      say("The compatibility flag " + shown + " is experimental and cannot be used in a Worker that is deployed.");
    } else if (seen.contains(flag == known->name ? known->opposite : known->name)) {
      say("Compatibility flags are mutually contradictory: " + std::string(known->name) + " vs " +
          std::string(known->opposite));
    }
  }
  return problems;
}

std::vector<std::string> needlessFlags(const std::vector<std::string_view>& flags, std::string_view date) {
  std::vector<std::string> lines;
  for (const std::string_view flag : flags) {
    const auto* const known = find(flag);
    if (known == nullptr || flag != known->name || known->since.empty() || date < known->since) continue;
    lines.push_back("The compatibility flag " + std::string(flag) + " became the default as of " +
                    std::string(known->since) + " so does not need to be specified anymore.");
  }
  return lines;
}

bool isDate(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  int numbers[3] = {};  // year, month, day
  int at = 0;
  for (const char c : text) {
    if (c == '-') {
      if (++at > 2) return false;
    } else if (c < '0' || c > '9') {
      return false;
    } else {
      numbers[at] = numbers[at] * 10 + (c - '0');
    }
  }
  const auto [year, month, day] = numbers;
  if (month < 1 || month > 12) return false;
  constexpr std::array kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return day >= 1 && day <= kDays[static_cast<size_t>(month) - 1] + (leap && month == 2 ? 1 : 0);
}

}  // namespace weir::control
