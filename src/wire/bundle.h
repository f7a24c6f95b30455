// Bundle: everything an engine needs to start a version, as one sealed blob. Encoded like a message (codec.h), with
// bounds of its own because it holds whole modules.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "wire/codec.h"

namespace weir::wire {

enum class ModuleType : uint8_t { kEsModule = 0, kText = 1, kData = 2, kJson = 3, kWasm = 4, kCommonJs = 5 };

struct Module {
  std::string_view name;  // as imported, without "./"
  ModuleType type = ModuleType::kEsModule;
  Bytes content;
  bool ascii = false;  // the content; encodeBundle() finds out, so that who decodes need not read all of it
};

enum class Syntax : uint8_t { kEsModules = 0, kServiceWorker = 1 };

struct BundleBounds {
  static constexpr size_t kModuleNameBytesMax = 1024;
  static constexpr size_t kModulesMax = 4096;
  static constexpr size_t kModuleBytesMax = 64u << 20;
  static constexpr size_t kBundleBytesMax = 128u << 20;
  static constexpr size_t kEnvBytesMax = 8u << 20;
  static constexpr size_t kServicesMax = 256;
  static constexpr size_t kLimitersMax = 256;
};

// Limits of one version, resolved by the platform from plan and script (reference/limits.md).
struct VersionLimits {
  uint32_t cpuMs = 30'000;
  uint32_t startupCpuMs = 400;
  uint32_t memoryMb = 128;
  uint32_t subrequests = 1'000;
  uint32_t waitUntilMs = 30'000;
  uint32_t scheduledMs = 900'000;  // from the clock's event to its end, waitUntil() work included
  bool operator==(const VersionLimits&) const = default;
};

// A rate limit binding; what it counts is the platform's to know.
struct Limiter {
  std::string_view name;
  uint32_t limit = 0;
  uint32_t periodSeconds = 0;
};

struct Bundle {
  std::string_view scriptName;
  Syntax syntax = Syntax::kEsModules;
  VersionLimits limits;
  std::string_view compatibilityDate;      // YYYY-MM-DD
  std::string_view compatibilityFlags;     // separated by commas
  std::string_view env;                    // JSON object of plain text, JSON and secret values
  std::vector<std::string_view> services;  // names of service bindings; their place, from 1, is their number
  std::vector<Limiter> limiters;           // likewise numbered
  std::vector<Module> modules;             // the first is the main module
};

void encodeBundle(const Bundle& bundle, std::vector<uint8_t>& out);
// Views point into `input`. Nullopt: not a bundle, or over a bound.
std::optional<Bundle> decodeBundle(Bytes input);

}  // namespace weir::wire
