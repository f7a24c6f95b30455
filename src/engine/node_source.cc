#include "engine/node_source.h"

#include <algorithm>
#include <deque>
#include <string>

#include "js/borrowed_text.h"

// What the build makes of src/web/node (bundle.mjs), as web_source.cc has the web API's.
asm(".pushsection .rodata\n"
    ".globl weirNodeSource\n"
    ".hidden weirNodeSource\n"
    "weirNodeSource:\n"
    ".incbin \"" WEIR_NODE_SOURCE_FILE
    ".bin\"\n"
    ".popsection\n");
extern "C" const char weirNodeSource[];

namespace weir::engine {

namespace {

constexpr std::string_view kPrefix = "node:";
constexpr std::string_view kInternal = "node:internal/";

struct Part {
  std::string_view name;
  size_t offset;
  size_t length;
};

constexpr Part kParts[] = {
#include WEIR_NODE_INDEX_FILE
};

// In the order of kParts.
std::deque<js::BorrowedText>& texts() {
  static std::deque<js::BorrowedText> all = [] {
    std::deque<js::BorrowedText> list;
    for (const Part& part : kParts) list.emplace_back(std::string_view(weirNodeSource + part.offset, part.length));
    return list;
  }();
  return all;
}

}  // namespace

js::ModuleSource findNodeModule(std::string_view name, bool byBuiltin) {
  js::ModuleSource source{{}, js::SourceKind::kEsModule, {}, {}, nullptr, true};
  const bool internal = name.starts_with(kInternal);
  if (internal && !byBuiltin) return source;
  const bool prefixed = name.starts_with(kPrefix);
  const auto at = std::find_if(std::begin(kParts), std::end(kParts), [&](const Part& part) {
    if (prefixed) return part.name == name;
    return part.name.substr(kPrefix.size()) == name && !part.name.starts_with(kInternal);
  });
  if (at == std::end(kParts)) return source;
  source.name = at->name;
  source.text = &texts()[static_cast<size_t>(at - std::begin(kParts))];
  return source;
}

std::vector<intptr_t> nodeModuleReferences() {
  std::vector<intptr_t> list;
  for (auto& text : texts()) list.push_back(reinterpret_cast<intptr_t>(&text));
  return list;
}

}  // namespace weir::engine
