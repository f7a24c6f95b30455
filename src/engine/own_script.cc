#include "engine/own_script.h"

#include <utility>
#include <vector>

#include "wire/bundle.h"
#include "wire/sealed_blob.h"

namespace weir::engine {

std::shared_ptr<const Version> makeOwnScript(std::string_view name, std::string_view code) {
  wire::Bundle bundle;
  bundle.scriptName = name;
  bundle.env = "{}";
  bundle.compatibilityDate = "2026-01-01";
  bundle.modules.push_back(
      {"index.js", wire::ModuleType::kEsModule, {reinterpret_cast<const uint8_t*>(code.data()), code.size()}});
  std::vector<uint8_t> bytes;
  wire::encodeBundle(bundle, bytes);
  auto blob = wire::makeSealedBlob("bundle", std::as_bytes(std::span(bytes)));
  if (!blob.ok()) return nullptr;
  auto mapped = wire::mapSealedBlob(blob->get(), wire::BundleBounds::kBundleBytesMax);
  return mapped.ok() ? Version::make({1}, std::move(mapped).value(), {}) : nullptr;
}

}  // namespace weir::engine
