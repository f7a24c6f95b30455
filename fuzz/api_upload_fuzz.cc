// What clients of the management API send: metadata of uploads, bindings, paths, compressed bodies. Whatever is
// accepted is what the rest relies on: names are unique, secrets' texts stand nowhere but where they are sealed from.
#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "base/check.h"
#include "control/api_router.h"
#include "control/request_body.h"
#include "control/upload.h"
#include "target.h"

namespace {

using namespace weir;
namespace json = boost::json;

constexpr uint64_t kBytesMax = 4'096;

control::ApiResult never(control::ApiContext&, const control::ApiRequest&) { return control::internalError(""); }

void checkBindings(const control::Bindings& bindings) {
  std::set<std::string_view> names;
  for (const auto& entry : bindings.entries) {
    const auto& name = entry.at("name").as_string();
    CHECK(!name.empty());
    CHECK(names.insert(name).second);
    CHECK(entry.at("type") != json::value("inherit"));
    if (entry.at("type") == json::value("secret_text")) CHECK(entry.as_object().size() == 2);
  }
  for (const auto& [name, text] : bindings.secrets) CHECK(names.contains(name));
  for (const auto& secret : bindings.kept) CHECK(names.contains(secret.name));
}

void checkUpload(std::string_view text, std::string_view partName) {
  auto metadata = control::jsonObjectBody(text);
  if (!metadata.ok()) return;
  control::UploadForm form;
  form.metadata = std::move(metadata).value();
  static constexpr std::string_view kCode = "export default {}";
  const auto bytes = std::as_bytes(std::span(kCode.data(), kCode.size()));
  form.parts.push_back({"main.js", "main.js", "application/javascript+module", bytes});
  form.parts.push_back({std::string(partName), std::nullopt, "text/plain", bytes});
  control::BaseVersion base;
  base.id = "before";
  base.bindings = json::parse(R"([{"name":"S","type":"secret_text"},{"name":"T","type":"plain_text","text":"t"},
                                  {"name":"B","type":"text_blob","part":"B"}])")
                      .as_array();
  base.secrets = {{"S", "key", {}}};
  base.modules = {{"B", catalog::ModuleKind::kText, "text/plain", {}}};
  catalog::PlanLimits limits;
  limits.bundleBytes = 1'024;
  const control::UploadRules rules{"own", limits, "2026-11-24", [](std::string_view name) { return name == "other"; }};
  for (const control::BaseVersion* before :
       {static_cast<const control::BaseVersion*>(nullptr), static_cast<const control::BaseVersion*>(&base)}) {
    const auto upload = control::readUpload(form, before, rules);
    if (!upload.ok()) {
      CHECK(upload.error().status >= 400);
      CHECK(upload.error().code >= 10'000);
      continue;
    }
    CHECK(!upload->modules.empty());
    CHECK(upload->compatibilityDate.size() == 10);
    CHECK(json::parse(upload->limits).is_object());
    CHECK(json::parse(upload->annotations).is_object());
    checkBindings(upload->bindings);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A line, and what follows it.
  const std::string_view whole(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(whole.find('\n'), whole.size());
  const std::string_view first = whole.substr(0, end);
  const std::string_view rest = whole.substr(std::min(end + 1, whole.size()));
  checkUpload(rest, first);

  static const control::ApiRouter kRouter({{"GET", "accounts/:account/things", "Do it", "Thing", never},
                                           {"GET", "accounts/:account/things/:thing", "Do it", "Thing", never},
                                           {"GET", "accounts/:account/things/special", "Do it", "Thing", never}});
  const std::string target = "/client/v4" + std::string(rest.substr(0, rest.find(' ')));
  if (control::ApiRouter::owns(target)) {
    if (const auto match = kRouter.match("GET", target); match.ok()) {
      for (const auto& [name, value] : match->parameters) CHECK(value.find('\0') == std::string::npos);
    }
  }
  if (const auto plain = control::gunzip(rest, kBytesMax); plain.ok()) CHECK(plain->size() <= kBytesMax);
  const auto made = control::answer(control::badUpload(rest), first);
  CHECK(json::parse(made.body).is_object());
  return 0;
}
