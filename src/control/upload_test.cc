#include "control/upload.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <set>

#include "control/compatibility_flags.h"
#include "wire/bounds.h"
#include "wire/compatibility.h"

namespace weir::control {
namespace {

namespace json = boost::json;

class UploadTest : public testing::Test {
 protected:
  UploadTest() {
    limits.texts = 3;
    limits.textBytes = 10;
    limits.bundleBytes = 1u << 20;
  }

  UploadRules rules() const {
    return {"own", limits, "2026-11-24", [](std::string_view name) { return name == "other"; }};
  }

  // `parts`: name, type, content.
  static UploadForm form(const char* metadata, std::vector<std::array<std::string, 3>> parts) {
    static std::vector<std::array<std::string, 3>> kept;
    kept = std::move(parts);
    UploadForm out;
    out.metadata = json::parse(metadata).as_object();
    for (const auto& [name, type, content] : kept)
      out.parts.push_back({name, name, type, std::as_bytes(std::span(content.data(), content.size()))});
    return out;
  }

  uint32_t codeOf(const UploadForm& form, const BaseVersion* base = nullptr) const {
    const auto upload = readUpload(form, base, rules());
    return upload.ok() ? 0 : upload.error().code;
  }

  ApiTry<Bindings> bindings(const char* given, const BaseVersion* base = nullptr, std::vector<std::string> keep = {}) {
    return readBindings(json::parse(given), keep, base, nullptr, rules());
  }

  uint32_t codeOfBindings(const char* given) {
    const auto read = bindings(given);
    return read.ok() ? 0 : read.error().code;
  }

  static BaseVersion base() {
    BaseVersion base;
    base.id = "before";
    base.bindings = json::parse(R"([{"name":"S","type":"secret_text"},{"name":"T","type":"plain_text","text":"t"},
                                    {"name":"J","type":"json","json":{"a":1}}])")
                        .as_array();
    base.secrets = {{"S", "key", {std::byte{1}}}};
    return base;
  }

  static std::string namesOf(const Bindings& bindings) {
    std::string out;
    for (const auto& entry : bindings.entries) out += std::string(entry.at("name").as_string()) + " ";
    return out;
  }

  catalog::PlanLimits limits;
};

constexpr const char* kModule = "application/javascript+module";

TEST_F(UploadTest, takesModulesByTheirTypesTheMainOneFirst) {
  const auto read = readUpload(form(R"({"main_module":"main.js","compatibility_date":"2026-01-01",
                                        "compatibility_flags":["nodejs_compat","no_global_navigator"]})",
                                    {{"./lib.js", kModule, "1"},
                                     {"a.wasm", "application/wasm", "2"},
                                     {"main.js", kModule, "3"},
                                     {"t.txt", "text/plain; charset=utf-8", "4"},
                                     {"main.js.map", "application/source-map", "5"}}),
                               nullptr, rules());
  ASSERT_TRUE(read.ok()) << read.error().message;
  ASSERT_EQ(read->modules.size(), 5u);
  EXPECT_EQ(read->modules[0].name, "main.js");
  EXPECT_EQ(read->modules[1].name, "./lib.js");
  EXPECT_EQ(read->modules[2].kind, catalog::ModuleKind::kWasm);
  EXPECT_EQ(read->modules[3].kind, catalog::ModuleKind::kText);
  EXPECT_EQ(read->modules[4].kind, catalog::ModuleKind::kSourceMap);
  EXPECT_EQ(read->compatibilityFlags, "nodejs_compat,no_global_navigator");
}

TEST_F(UploadTest, modulesMayBeCommonJsButTheMainOne) {
  const auto read = readUpload(
      form(R"({"main_module":"m"})", {{"m", kModule, ""}, {"c.cjs", "application/javascript", ""}}), nullptr, rules());
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->modules[1].kind, catalog::ModuleKind::kCommonJs);
  for (const char* type : {"application/javascript", "text/plain", "application/wasm", "application/json"}) {
    const auto refused = readUpload(form(R"({"main_module":"m"})", {{"m", type, ""}}), nullptr, rules());
    ASSERT_FALSE(refused.ok()) << type;
    EXPECT_EQ(refused.error().message, "Main module must be an ES module.");
  }
  const auto python = readUpload(form(R"({"main_module":"m.py"})", {{"m.py", "text/x-python", ""}}), nullptr, rules());
  EXPECT_EQ(python.error().code, 10015u);
}

TEST_F(UploadTest, compatibilityIsAsThePlatformHasIt) {
  const auto said = [&](const std::string& member) {
    const auto read =
        readUpload(form((R"({"main_module":"m",)" + member + "}").c_str(), {{"m", kModule, ""}}), nullptr, rules());
    return read.ok() ? std::string("ok") : std::to_string(read.error().code) + " " + read.error().message;
  };
  EXPECT_EQ(said(R"("compatibility_date":"2024-02-29")"), "ok");
  EXPECT_EQ(said(R"("compatibility_date":"2026-02-29")"), "10021 Invalid compatibility date: 2026-02-29");
  EXPECT_EQ(said(R"("compatibility_date":"2026-13-01")"), "10021 Invalid compatibility date: 2026-13-01");
  EXPECT_EQ(said(R"("compatibility_date":"2026-1-1")"), "10021 Invalid compatibility date: 2026-1-1");
  EXPECT_EQ(said(R"("compatibility_date":"2026-11-25")"),
            "10021 Can't set compatibility date in the future: \"2026-11-25\". Today's date (UTC) is \"2026-11-24\".");
  EXPECT_EQ(said(R"("compatibility_flags":["nodejs_als","no_such_flag","other flag"])"),
            "10021 No such compatibility flag: no_such_flag\nNo such compatibility flag: other flag");
  EXPECT_EQ(said(R"("compatibility_flags":["url_original","url_standard"])"),
            "10021 Compatibility flags are mutually contradictory: url_standard vs url_original");
  EXPECT_EQ(said(R"("compatibility_flags":["nodejs_als","nodejs_als"])"),
            "10021 Compatibility flag specified multiple times: nodejs_als");
  EXPECT_EQ(said(R"("compatibility_flags":["experimental"])").substr(0, 58),
            "10021 The compatibility flag experimental is experimental ");
  // What the date turns on anyway is no mistake; the answer says so.
  const auto metadata = json::parse(R"({"compatibility_date":"2026-01-01","placement":{"mode":"smart"},
                                        "compatibility_flags":["url_standard","nodejs_als","no_global_navigator"]})");
  const auto notes = notesOn(metadata.as_object());
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_EQ(notes[0],
            "The compatibility flag url_standard became the default as of 2022-10-31 so does not need to be specified "
            "anymore.");
  EXPECT_EQ(notes[1].substr(0, 9), "placement");
}

TEST(CompatibilityFlags, thoseThatWeirActsOnAreAmongThemAsTheyAre) {
  const auto all = compatibilityFlags();
  for (const auto& rule : wire::kCompatibilityRules) {
    const auto at = std::find_if(all.begin(), all.end(), [&](const auto& flag) { return flag.name == rule.name; });
    ASSERT_NE(at, all.end()) << rule.name;
    EXPECT_EQ(at->opposite, rule.opposite);
    EXPECT_EQ(at->since, rule.since);
  }
  std::set<std::string_view> names;
  for (const auto& flag : all) {
    for (const auto name : {flag.name, flag.opposite}) EXPECT_TRUE(name.empty() || names.insert(name).second) << name;
    EXPECT_TRUE(flag.since.empty() || isDate(flag.since)) << flag.since;
  }
}

TEST_F(UploadTest, aPreviewsAliasFitsIntoAHostName) {
  const auto codeOfAlias = [&](const std::string& alias) {
    return codeOf(form((R"({"main_module":"m","annotations":{"workers/alias":")" + alias + R"("}})").c_str(),
                       {{"m", kModule, ""}}));
  };
  EXPECT_EQ(codeOfAlias("staging-2"), 0u);
  EXPECT_EQ(codeOfAlias("a" + std::string(58, 'b')), 0u);  // with a dash and "own": 63
  for (const std::string& bad : {std::string(), std::string("Staging"), std::string("2b"), std::string("a-"),
                                 std::string("a.b"), std::string("-a"), "a" + std::string(59, 'b')})
    EXPECT_EQ(codeOfAlias(bad), 10026u) << bad;
}

TEST_F(UploadTest, aMissingDateIsTheOldest) {
  const auto read = readUpload(form(R"({"main_module":"m"})", {{"m", kModule, ""}}), nullptr, rules());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->compatibilityDate, "2021-11-02");
}

TEST_F(UploadTest, refusesWhatIsNoUpload) {
  EXPECT_EQ(codeOf(form(R"({})", {{"m", kModule, ""}})), 10006u);
  EXPECT_EQ(codeOf(form(R"({"main_module":"x"})", {{"m", kModule, ""}})), 10006u);
  EXPECT_EQ(codeOf(form(R"({"main_module":"m","body_part":"m"})", {{"m", kModule, ""}})), 10006u);
  EXPECT_EQ(codeOf(form(R"({"main_module":5})", {{"m", kModule, ""}})), 10026u);
  EXPECT_EQ(codeOf(form(R"({"main_module":"m"})", {{"m", kModule, ""}, {"./m", kModule, ""}})), 10006u);
  EXPECT_EQ(codeOf(form(R"({"main_module":"m"})", {{"m", kModule, ""}, {"a/../../b", kModule, ""}})), 10006u);
  EXPECT_EQ(codeOf(form(R"({"main_module":"m"})", {{"m", "application/javascript", ""}})), 10021u);
  EXPECT_EQ(codeOf(form(R"({"main_module":"m"})", {{"m", "image/png", ""}})), 10162u);
  EXPECT_EQ(codeOf(form(R"({"main_module":"m"})", {{"m", kModule, std::string((1u << 20) + 1, ' ')}})), 10027u);
  EXPECT_EQ(codeOf(form(R"({"main_module":"m","compatibility_date":"2026-11-25"})", {{"m", kModule, ""}})), 10021u);
  EXPECT_EQ(codeOf(form(R"({"main_module":"m","compatibility_flags":["a b"]})", {{"m", kModule, ""}})), 10021u);
  EXPECT_EQ(codeOf(form(R"({"main_module":"m","limits":{"cpu_ms":0}})", {{"m", kModule, ""}})), 10205u);
  EXPECT_EQ(codeOf(form(R"({"main_module":"m","containers":[{"class_name":"A"}]})", {{"m", kModule, ""}})), 10015u);
  EXPECT_EQ(codeOf(form(R"({"main_module":"m","logpush":"yes"})", {{"m", kModule, ""}})), 10026u);
  EXPECT_EQ(codeOf(form(R"({"main_module":"m"})", {{"m", kModule, ""}})), 0u);
}

TEST_F(UploadTest, refusesBindingsByTheirFaults) {
  EXPECT_EQ(codeOfBindings(R"({})"), 10026u);
  EXPECT_EQ(codeOfBindings(R"([5])"), 10026u);
  EXPECT_EQ(codeOfBindings(R"([{"type":"plain_text","text":""}])"), 10052u);
  EXPECT_EQ(codeOfBindings(R"([{"name":"A"}])"), 10021u);
  EXPECT_EQ(codeOfBindings(R"([{"name":"A","type":"version_metadata"},{"name":"A","type":"version_metadata"}])"),
            10053u);
  EXPECT_EQ(codeOfBindings(R"([{"name":"A","type":"plain_text","text":"12345678901"}])"), 10054u);
  EXPECT_EQ(codeOfBindings(R"([{"name":"A","type":"json","json":[1,2,3,4,5,6]}])"), 10054u);
  EXPECT_EQ(codeOfBindings(R"([{"name":"A","type":"plain_text","text":""},{"name":"B","type":"json","json":1},
                               {"name":"C","type":"secret_text","text":""},{"name":"D","type":"plain_text","text":""}])"),
            10055u);
  EXPECT_EQ(codeOfBindings(R"([{"name":"A","type":"inherit"}])"), 10057u);
  EXPECT_EQ(codeOfBindings(R"([{"name":"A","type":"service","service":"nobody"}])"), 10143u);
  EXPECT_EQ(codeOfBindings(R"([{"name":"A","type":"service","service":"other","props":{"a":1}}])"), 0u);
  EXPECT_EQ(codeOfBindings(R"([{"name":"A","type":"service","service":"other","props":1}])"), 10021u);
  const std::string props(wire::Bounds::kTextBytesMax, 'x');
  EXPECT_EQ(
      codeOfBindings((R"([{"name":"A","type":"service","service":"other","props":{"a":")" + props + R"("}}])").c_str()),
      10021u);
  EXPECT_EQ(codeOfBindings(R"([{"name":"A","type":"r2_bucket","bucket_name":"b"}])"), 10015u);
  EXPECT_EQ(codeOfBindings(R"([{"name":"A","type":"text_blob","part":"A"}])"), 10021u);
  EXPECT_EQ(codeOfBindings(R"([{"name":"A","type":"service","service":"other"},
                               {"name":"B","type":"service","service":"own"}])"),
            0u);
}

TEST_F(UploadTest, aSecretsTextIsKeptApart) {
  const auto read = bindings(R"([{"name":"A","type":"secret_text","text":"hidden"}])");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(json::serialize(read->entries), R"([{"name":"A","type":"secret_text"}])");
  EXPECT_EQ(read->secrets.at("A"), "hidden");
}

TEST_F(UploadTest, keepsWhatTheBaseHasByTypeUnlessItIsNamed) {
  const BaseVersion before = base();
  auto read = bindings(R"([{"name":"N","type":"plain_text","text":"n"}])", &before, {"secret_text"});
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(namesOf(*read), "N S ");
  ASSERT_EQ(read->kept.size(), 1u);
  EXPECT_EQ(read->kept[0].name, "S");

  read = bindings(R"([{"name":"S","type":"plain_text","text":"n"}])", &before, {"secret_text", "json"});
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(namesOf(*read), "S J ");
  EXPECT_TRUE(read->kept.empty()) << "a binding that is given wins over the secret of its name";

  read = bindings(R"([{"name":"J","type":"inherit"}])", &before);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(json::serialize(read->entries), R"([{"name":"J","type":"json","json":{"a":1}}])");
}

TEST_F(UploadTest, aPatchNamesWhatStaysWithoutItsValue) {
  const BaseVersion before = base();
  const auto read = patchBindings(json::parse(R"([{"name":"S","type":"secret_text"},{"name":"T","type":"plain_text"},
                                                  {"name":"N","type":"secret_text","text":"new"}])"),
                                  before, rules());
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(namesOf(*read), "S T N ");
  EXPECT_EQ(read->kept.size(), 1u);
  EXPECT_EQ(read->secrets.size(), 1u);
  EXPECT_EQ(patchBindings(json::parse(R"([{"name":"X","type":"secret_text"}])"), before, rules()).error().code, 10021u);
}

TEST_F(UploadTest, blobsOfServiceWorkersNameTheirParts) {
  const auto read =
      readUpload(form(R"({"body_part":"worker.js","bindings":[{"name":"T","type":"text_blob","part":"T"}]})",
                      {{"T", "text/plain", "text"}, {"worker.js", "", "addEventListener"}}),
                 nullptr, rules());
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->syntax, catalog::VersionSyntax::kServiceWorker);
  EXPECT_EQ(read->modules[0].name, "worker.js");
  BaseVersion before;
  before.bindings = read->bindings.entries;
  before.modules = read->modules;
  const auto next = readUpload(form(R"({"body_part":"worker.js","bindings":[{"name":"T","type":"inherit"}]})",
                                    {{"worker.js", "application/javascript", "addEventListener"}}),
                               &before, rules());
  ASSERT_TRUE(next.ok()) << next.error().message;
  ASSERT_EQ(next->modules.size(), 2u) << "the part comes with the binding";
  EXPECT_EQ(next->modules[1].name, "T");
}

TEST_F(UploadTest, etagsAreOfNamesTypesAndContents) {
  const catalog::Module a{"a", catalog::ModuleKind::kEsModule, "x", {std::byte{1}}};
  catalog::Module b = a;
  b.contentType = "y";
  EXPECT_EQ(etagOf({a}), etagOf({a}));
  EXPECT_NE(etagOf({a}), etagOf({b}));
  EXPECT_NE(etagOf({a}), etagOf({a, a}));
}

}  // namespace
}  // namespace weir::control
