// Routing by host: the same answer as splitting the name into labels would give.
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "edge/routes.h"
#include "target.h"

namespace {

using namespace weir;

const edge::Routes& routes() {
  static const edge::Routes made = [] {
    edge::Routes all;
    for (const char* name : {"hello", "a", "a-b", "dev", "local"}) {
      auto version = std::make_shared<sandbox::RunnableVersion>();
      version->script = name;
      all.byScript[name] = std::move(version);
    }
    return all;
  }();
  return made;
}

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

// The long way: labels from the right.
std::string scriptOf(std::string_view authority) {
  std::string host = lowered(authority.substr(0, authority.rfind(':')));
  if (host.ends_with('.')) host.pop_back();
  std::vector<std::string> labels(1);
  for (const char c : host) {
    if (c == '.') labels.emplace_back();
    else labels.back() += c;
  }
  for (const std::vector<std::string>& suffix :
       {std::vector<std::string>{"local", "workers", "localhost"}, std::vector<std::string>{"local", "workers", "dev"}}) {
    if (labels.size() != suffix.size() + 1) continue;
    if (std::equal(suffix.begin(), suffix.end(), labels.begin() + 1)) return labels[0];
  }
  return {};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view authority(reinterpret_cast<const char*>(data), size);
  const auto found = routes().find(authority);
  const std::string wanted = scriptOf(authority);
  const auto at = routes().byScript.find(wanted);
  CHECK((found != nullptr) == (at != routes().byScript.end()));
  if (found) CHECK(found->script == wanted);
  return 0;
}
