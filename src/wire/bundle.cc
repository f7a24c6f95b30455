#include "wire/bundle.h"

#include "base/byte_text.h"

namespace weir::wire {

namespace {

template <class F, class S>
void headFields(F& f, S& s) {
  f.text(s.scriptName, Bounds::kNameBytesMax);
  f.enumeration(s.syntax, Syntax::kServiceWorker);
  f.number(s.limits.cpuMs);
  f.number(s.limits.startupCpuMs);
  f.number(s.limits.memoryMb);
  f.number(s.limits.subrequests);
  f.number(s.limits.waitUntilMs);
  f.number(s.limits.scheduledMs);
  f.text(s.compatibilityDate, Bounds::kNameBytesMax);
  f.text(s.compatibilityFlags, Bounds::kTextBytesMax);
  f.text(s.env, BundleBounds::kEnvBytesMax);
}

template <class F, class S>
void limiterFields(F& f, S& s) {
  f.text(s.name, Bounds::kNameBytesMax);
  f.number(s.limit);
  f.number(s.periodSeconds);
}

template <class F, class S>
void moduleFields(F& f, S& s) {
  f.text(s.name, BundleBounds::kModuleNameBytesMax);
  f.enumeration(s.type, ModuleType::kCommonJs);
  f.flag(s.ascii);
  f.bytes(s.content, BundleBounds::kModuleBytesMax);
}

}  // namespace

void encodeBundle(const Bundle& bundle, std::vector<uint8_t>& out) {
  Encoder encoder(out);
  headFields(encoder, bundle);
  encoder.number(bundle.services.size());
  for (const std::string_view service : bundle.services) encoder.text(service, Bounds::kNameBytesMax);
  encoder.number(bundle.limiters.size());
  for (const Limiter& limiter : bundle.limiters) limiterFields(encoder, limiter);
  encoder.number(bundle.modules.size());
  for (Module module : bundle.modules) {
    module.ascii = base::isAscii(module.content);
    moduleFields(encoder, module);
  }
}

std::optional<Bundle> decodeBundle(Bytes input) {
  if (input.size() > BundleBounds::kBundleBytesMax) return std::nullopt;
  Decoder decoder(input);
  Bundle bundle;
  headFields(decoder, bundle);
  uint64_t count = 0;
  decoder.number(count);
  if (!decoder.ok() || count > BundleBounds::kServicesMax) return std::nullopt;
  for (uint64_t i = 0; i < count; ++i) {
    decoder.text(bundle.services.emplace_back(), Bounds::kNameBytesMax);
    if (!decoder.ok() || bundle.services.back().empty()) return std::nullopt;
  }
  decoder.number(count);
  if (!decoder.ok() || count > BundleBounds::kLimitersMax) return std::nullopt;
  for (uint64_t i = 0; i < count; ++i) {
    limiterFields(decoder, bundle.limiters.emplace_back());
    if (!decoder.ok() || bundle.limiters.back().name.empty()) return std::nullopt;
  }
  decoder.number(count);
  if (!decoder.ok() || count == 0 || count > BundleBounds::kModulesMax) return std::nullopt;
  for (uint64_t i = 0; i < count; ++i) {
    moduleFields(decoder, bundle.modules.emplace_back());
    if (!decoder.ok()) return std::nullopt;
  }
  if (!decoder.atEnd()) return std::nullopt;
  return bundle;
}

}  // namespace weir::wire
