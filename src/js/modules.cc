#include "js/modules.h"

#include <algorithm>
#include <memory>

#include "base/byte_text.h"
#include "base/check.h"
#include "js/exception.h"
#include "js/resource_declarations.h"

namespace weir::js {

namespace {

constexpr size_t kNameBytesMax = 4096;

v8::Local<v8::String> text(v8::Isolate* isolate, std::string_view value) {
  return v8::String::NewFromUtf8(isolate, value.data(), v8::NewStringType::kNormal, static_cast<int>(value.size()))
      .ToLocalChecked();
}

// Joins "./x" or "../x" to the folder of `referrer`; both without a leading "./".
std::string join(std::string_view referrer, std::string_view specifier) {
  std::vector<std::string_view> parts;
  const auto addAll = [&](std::string_view path) {
    while (!path.empty()) {
      const size_t slash = path.find('/');
      const std::string_view part = path.substr(0, slash);
      if (part == "..") {
        if (!parts.empty()) parts.pop_back();
      } else if (!part.empty() && part != ".") {
        parts.push_back(part);
      }
      path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
    }
  };
  const size_t folder = referrer.rfind('/');
  if (folder != std::string_view::npos) addAll(referrer.substr(0, folder));
  addAll(specifier);
  std::string result;
  for (const auto part : parts) {
    if (!result.empty()) result += '/';
    result += part;
  }
  return result;
}

// Of a module's evaluation: turns its promise into one of the namespace, which is the data.
void giveNamespace(const v8::FunctionCallbackInfo<v8::Value>& info) { info.GetReturnValue().Set(info.Data()); }

std::string_view textOf(const ModuleSource& source) { return base::asText(std::as_bytes(source.content)); }

v8::ScriptCompiler::CachedData* cachedData(const ModuleSource& source) {
  if (source.codeCache.empty()) return nullptr;
  return new v8::ScriptCompiler::CachedData(source.codeCache.data(), static_cast<int>(source.codeCache.size()));
}

v8::ScriptOrigin originOf(v8::Isolate* isolate, std::string_view name, bool isModule) {
  return v8::ScriptOrigin(text(isolate, name), 0, 0, false, -1, v8::Local<v8::Value>(), false, false, isModule);
}

}  // namespace

ModuleGraph::ModuleGraph(v8::Isolate* isolate, std::vector<ModuleSource> sources, Compile compile)
    : isolate_(isolate), sources_(std::move(sources)), compile_(compile) {
  CHECK(!sources_.empty());
  isolate_->SetData(kModuleGraphSlot, this);
}

ModuleGraph::~ModuleGraph() = default;

ModuleGraph* ModuleGraph::of(v8::Isolate* isolate) {
  return static_cast<ModuleGraph*>(isolate->GetData(kModuleGraphSlot));
}

void ModuleGraph::installCallbacks(v8::Isolate* isolate) {
  isolate->SetHostImportModuleDynamicallyCallback(&ModuleGraph::importDynamically);
}

std::vector<intptr_t> ModuleGraph::externalReferences() {
  return {reinterpret_cast<intptr_t>(&ModuleGraph::evaluateSynthetic), reinterpret_cast<intptr_t>(&giveNamespace),
          reinterpret_cast<intptr_t>(&ModuleGraph::require)};
}

const ModuleSource* ModuleGraph::find(std::string_view specifier, std::string_view referrer) const {
  const auto byName = [&](std::string_view name) -> const ModuleSource* {
    const auto at = std::find_if(sources_.begin(), sources_.end(), [&](const auto& s) { return s.name == name; });
    return at == sources_.end() ? nullptr : &*at;
  };
  if (specifier.starts_with("./") || specifier.starts_with("../")) {
    if (const auto* source = byName(join(referrer, specifier))) return source;
    return byName(join("", specifier));
  }
  if (const auto* source = byName(specifier)) return source;
  if (specifier.starts_with('/')) return byName(specifier.substr(1));
  return nullptr;
}

void ModuleGraph::throwMissing(std::string_view specifier, std::string_view referrer) {
  std::string message = "No such module \"" + std::string(specifier) + "\".";
  if (!referrer.empty()) message += "\n  imported from \"" + std::string(referrer) + "\"";
  if (whyMissing) {
    if (const std::string_view why = whyMissing(specifier); !why.empty()) message += "\n  " + std::string(why);
  }
  isolate_->ThrowException(v8::Exception::Error(text(isolate_, message)));
}

v8::MaybeLocal<v8::Value> ModuleGraph::valueOf(v8::Local<v8::Context> context, const ModuleSource& source) {
  switch (source.kind) {
    case SourceKind::kText: return text(isolate_, textOf(source));
    case SourceKind::kData: {
      auto buffer = v8::ArrayBuffer::MaybeNew(isolate_, source.content.size());
      v8::Local<v8::ArrayBuffer> local;
      if (!buffer.ToLocal(&local)) {
        isolate_->ThrowException(v8::Exception::RangeError(text(isolate_, "Array buffer allocation failed")));
        return {};
      }
      if (!source.content.empty()) std::memcpy(local->Data(), source.content.data(), source.content.size());
      return local;
    }
    case SourceKind::kJson: return v8::JSON::Parse(context, text(isolate_, textOf(source)));
    case SourceKind::kWasm: {
      v8::Local<v8::WasmModuleObject> module;
      if (!v8::WasmModuleObject::Compile(isolate_, {source.content.data(), source.content.size()}).ToLocal(&module)) {
        return {};
      }
      holdsWasm_ = true;
      return module;
    }
    case SourceKind::kEsModule:
    case SourceKind::kCommonJs: break;
  }
  CHECK(false);
  return {};
}

v8::MaybeLocal<v8::String> ModuleGraph::codeOf(const ModuleSource& source) {
  v8::Local<v8::String> code;
  const auto made = source.text != nullptr
                        ? v8::String::NewExternalOneByte(isolate_, source.text)
                        : v8::String::NewFromUtf8(isolate_, textOf(source).data(), v8::NewStringType::kNormal,
                                                  static_cast<int>(source.content.size()));
  if (!made.ToLocal(&code)) {
    isolate_->ThrowException(v8::Exception::RangeError(text(isolate_, "Module source is too long")));
    return {};
  }
  return code;
}

bool ModuleGraph::declaresResources(v8::Local<v8::Context> context, bool mainIsScript) {
  return std::any_of(sources_.begin(), sources_.end(), [&](const ModuleSource& source) {
    if (source.kind != SourceKind::kEsModule && source.kind != SourceKind::kCommonJs) return false;
    const bool isModule = source.kind == SourceKind::kEsModule && !(mainIsScript && &source == &sources_[0]);
    if (!mayDeclareResources(textOf(source))) return false;
    const v8::TryCatch caught(isolate_);
    v8::Local<v8::String> code;
    return codeOf(source).ToLocal(&code) && js::declaresResources(isolate_, context, code, isModule);
  });
}

v8::MaybeLocal<v8::Module> ModuleGraph::load(v8::Local<v8::Context> context, const ModuleSource& source) {
  const auto known = loaded_.find(source.name);
  if (known != loaded_.end()) return known->second.module.Get(isolate_);

  Loaded loaded;
  v8::Local<v8::Module> module;
  if (source.kind == SourceKind::kEsModule) {
    v8::Local<v8::String> code;
    if (!codeOf(source).ToLocal(&code)) return {};
    v8::ScriptCompiler::Source compilable(code, originOf(isolate_, source.name, true), cachedData(source));
    if (!v8::ScriptCompiler::CompileModule(isolate_, &compilable, optionsFor(source)).ToLocal(&module)) return {};
    if (&source == &sources_[0]) noteCodeCache(compilable);
    loaded.isBuiltinCode = source.isBuiltin;
    if (!source.isBuiltin) loaded.unbound.Reset(isolate_, module->GetUnboundModuleScript());
  } else {
    v8::Local<v8::Value> value;
    loaded.isCommonJs = source.kind == SourceKind::kCommonJs;
    if (!loaded.isCommonJs && !valueOf(context, source).ToLocal(&value)) return {};
    const v8::Local<v8::String> exports[] = {text(isolate_, "default")};
    module = v8::Module::CreateSyntheticModule(isolate_, text(isolate_, source.name), {exports, 1}, &evaluateSynthetic);
    if (!loaded.isCommonJs) loaded.value.Reset(isolate_, value);
  }
  loaded.module.Reset(isolate_, module);
  loaded_.emplace(std::string(source.name), std::move(loaded));
  return module;
}

std::string ModuleGraph::nameOf(v8::Local<v8::Module> module) const {
  return toUtf8(isolate_, module->GetResourceName(), kNameBytesMax);
}

v8::MaybeLocal<v8::Module> ModuleGraph::resolve(v8::Local<v8::Context> context, v8::Local<v8::String> specifier,
                                                v8::Local<v8::FixedArray>, v8::Local<v8::Module> referrer) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  ModuleGraph* graph = of(isolate);
  const std::string wanted = toUtf8(isolate, specifier, kNameBytesMax);
  const std::string from = graph->nameOf(referrer);
  return graph->import(context, wanted, from);
}

v8::MaybeLocal<v8::Module> ModuleGraph::import(v8::Local<v8::Context> context, std::string_view wanted,
                                               std::string_view from) {
  const auto importer = loaded_.find(from);
  const bool byBuiltin = importer != loaded_.end() && importer->second.isBuiltinCode;
  const ModuleSource* const source = byBuiltin ? nullptr : find(wanted, from);
  if (source != nullptr) return load(context, *source);
  v8::TryCatch caught(isolate_);
  v8::Local<v8::Module> module;
  if (importBuiltin(context, wanted, byBuiltin).ToLocal(&module)) return module;
  if (!caught.HasCaught()) throwMissing(wanted, from);
  caught.ReThrow();
  return {};
}

v8::MaybeLocal<v8::Module> ModuleGraph::importBuiltin(v8::Local<v8::Context> context, std::string_view wanted,
                                                      bool byBuiltin) {
  if (findBuiltinCode) {
    if (const ModuleSource code = findBuiltinCode(wanted, byBuiltin); code.text != nullptr) return load(context, code);
  }
  v8::Local<v8::Object> exports;
  if (!findBuiltin || !findBuiltin(wanted, byBuiltin).ToLocal(&exports)) return {};
  return loadBuiltin(context, wanted, exports);
}

v8::MaybeLocal<v8::Object> ModuleGraph::builtin(v8::Local<v8::Context> context, std::string_view name) {
  v8::Local<v8::Module> module;
  if (!importBuiltin(context, name, false).ToLocal(&module) || !evaluateNow(context, module, name)) return {};
  return module->GetModuleNamespace().As<v8::Object>();
}

v8::MaybeLocal<v8::Module> ModuleGraph::loadBuiltin(v8::Local<v8::Context> context, std::string_view name,
                                                    v8::Local<v8::Object> exports) {
  const auto known = loaded_.find(name);
  if (known != loaded_.end()) return known->second.module.Get(isolate_);
  v8::Local<v8::Array> keys;
  if (!exports->GetOwnPropertyNames(context).ToLocal(&keys)) return {};
  std::vector<v8::Local<v8::String>> names;
  for (uint32_t i = 0; i < keys->Length(); ++i) {
    v8::Local<v8::Value> key;
    if (!keys->Get(context, i).ToLocal(&key)) return {};
    names.push_back(key.As<v8::String>());
  }
  const auto module = v8::Module::CreateSyntheticModule(isolate_, text(isolate_, name), {names.data(), names.size()},
                                                        &evaluateSynthetic);
  Loaded loaded;
  loaded.module.Reset(isolate_, module);
  loaded.value.Reset(isolate_, exports);
  loaded.isBuiltin = true;
  loaded_.emplace(std::string(name), std::move(loaded));
  return module;
}

v8::MaybeLocal<v8::Value> ModuleGraph::evaluateSynthetic(v8::Local<v8::Context> context, v8::Local<v8::Module> module) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  ModuleGraph* graph = of(isolate);
  for (auto& [name, loaded] : graph->loaded_) {
    if ((loaded.value.IsEmpty() && !loaded.isCommonJs) || loaded.module.Get(isolate) != module) continue;
    if (loaded.isCommonJs) {
      v8::Local<v8::Value> exports;
      if (!graph->runCommonJs(context, name).ToLocal(&exports) ||
          module->SetSyntheticModuleExport(isolate, text(isolate, "default"), exports).IsNothing()) {
        return {};
      }
    } else if (loaded.isBuiltin) {
      if (!graph->exportBuiltin(context, module, name, loaded.value.Get(isolate).As<v8::Object>())) return {};
    } else if (module->SetSyntheticModuleExport(isolate, text(isolate, "default"), loaded.value.Get(isolate))
                   .IsNothing()) {
      return {};
    }
    loaded.value.Reset();
    break;
  }
  v8::Local<v8::Promise::Resolver> resolver;
  if (!v8::Promise::Resolver::New(context).ToLocal(&resolver)) return {};
  if (resolver->Resolve(context, v8::Undefined(isolate)).IsNothing()) return {};
  return resolver->GetPromise();
}

bool ModuleGraph::exportBuiltin(v8::Local<v8::Context> context, v8::Local<v8::Module> module, std::string_view name,
                                v8::Local<v8::Object> exports) {
  if (onBuiltin && !onBuiltin(name)) return false;
  v8::Local<v8::Array> keys;
  if (!exports->GetOwnPropertyNames(context).ToLocal(&keys)) return false;
  for (uint32_t i = 0; i < keys->Length(); ++i) {
    v8::Local<v8::Value> key;
    v8::Local<v8::Value> value;
    if (!keys->Get(context, i).ToLocal(&key) || !exports->Get(context, key).ToLocal(&value) ||
        module->SetSyntheticModuleExport(isolate_, key.As<v8::String>(), value).IsNothing()) {
      return false;
    }
  }
  return true;
}

v8::MaybeLocal<v8::Promise> ModuleGraph::evaluate(v8::Local<v8::Context> context, v8::Local<v8::Module> module) {
  if (module->GetStatus() == v8::Module::kUninstantiated &&
      module->InstantiateModule(context, &ModuleGraph::resolve).IsNothing()) {
    return {};
  }
  v8::Local<v8::Value> result;
  if (!module->Evaluate(context).ToLocal(&result)) return {};
  return result.As<v8::Promise>();
}

v8::ScriptCompiler::CompileOptions ModuleGraph::optionsFor(const ModuleSource& source) const {
  if (!source.codeCache.empty()) return v8::ScriptCompiler::kConsumeCodeCache;
  // Of a module of the platform scripts use a part.
  return compile_ == Compile::kEagerly && !source.isBuiltin ? v8::ScriptCompiler::kEagerCompile
                                                            : v8::ScriptCompiler::kNoCompileOptions;
}

void ModuleGraph::noteCodeCache(const v8::ScriptCompiler::Source& compiled) {
  const auto* data = compiled.GetCachedData();
  usedCodeCache_ = data != nullptr && !data->rejected;
}

v8::MaybeLocal<v8::Object> ModuleGraph::run(v8::Local<v8::Context> context) {
  v8::Local<v8::Module> module;
  v8::Local<v8::Promise> promise;
  if (!load(context, sources_[0]).ToLocal(&module)) return {};
  if (module->InstantiateModule(context, &ModuleGraph::resolve).IsNothing()) return {};
  if (onCompiled) onCompiled();
  if (!evaluate(context, module).ToLocal(&promise)) return {};
  isolate_->PerformMicrotaskCheckpoint();
  if (isolate_->IsExecutionTerminating()) return {};
  switch (promise->State()) {
    case v8::Promise::kFulfilled: return module->GetModuleNamespace().As<v8::Object>();
    case v8::Promise::kRejected:
      promise->MarkAsHandled();
      isolate_->ThrowException(promise->Result());
      return {};
    case v8::Promise::kPending:
      isolate_->ThrowException(v8::Exception::Error(
          text(isolate_, "Top-level await in module is unsettled: nothing in global scope can ever settle it.")));
      return {};
  }
  return {};
}

v8::MaybeLocal<v8::Value> ModuleGraph::runScript(v8::Local<v8::Context> context) {
  const ModuleSource& source = sources_[0];
  v8::Local<v8::String> code;
  if (!codeOf(source).ToLocal(&code)) return {};
  v8::ScriptCompiler::Source compilable(code, originOf(isolate_, "worker.js", false), cachedData(source));
  v8::Local<v8::Script> script;
  if (!v8::ScriptCompiler::Compile(context, &compilable, optionsFor(source)).ToLocal(&script)) return {};
  noteCodeCache(compilable);
  script_.Reset(isolate_, script->GetUnboundScript());
  if (onCompiled) onCompiled();
  v8::Local<v8::Value> result;
  if (!script->Run(context).ToLocal(&result)) return {};
  isolate_->PerformMicrotaskCheckpoint();
  if (isolate_->IsExecutionTerminating()) return {};
  return result;
}

v8::MaybeLocal<v8::Promise> ModuleGraph::importDynamically(v8::Local<v8::Context> context, v8::Local<v8::Data>,
                                                           v8::Local<v8::Value> resourceName,
                                                           v8::Local<v8::String> specifier, v8::Local<v8::FixedArray>) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  v8::TryCatch caught(isolate);
  ModuleGraph* graph = of(isolate);
  const std::string wanted = toUtf8(isolate, specifier, kNameBytesMax);
  const std::string from = toUtf8(isolate, resourceName, kNameBytesMax);
  if (graph != nullptr) {
    v8::Local<v8::Module> module;
    v8::Local<v8::Promise> promise;
    v8::Local<v8::Function> done;
    if (graph->import(context, wanted, from).ToLocal(&module) && graph->evaluate(context, module).ToLocal(&promise) &&
        v8::Function::New(context, giveNamespace, module->GetModuleNamespace(), 0, v8::ConstructorBehavior::kThrow)
            .ToLocal(&done)) {
      // Through a reaction even when it has settled: a rejection then counts as handled by whoever imports.
      return promise->Then(context, done);
    }
  }
  if (!caught.CanContinue()) {
    caught.ReThrow();
    return {};
  }
  v8::Local<v8::Promise::Resolver> resolver;
  if (!v8::Promise::Resolver::New(context).ToLocal(&resolver)) return {};
  const auto reason = caught.HasCaught() ? caught.Exception() : v8::Undefined(isolate).As<v8::Value>();
  if (resolver->Reject(context, reason).IsNothing()) return {};
  return resolver->GetPromise();
}

void ModuleGraph::save(v8::SnapshotCreator& creator, v8::Local<v8::Context> context) {
  const auto names = v8::Array::New(isolate_);
  const auto copies = v8::Array::New(isolate_);
  std::vector<v8::Local<v8::Module>> modules;
  for (auto& [name, loaded] : loaded_) {
    const auto module = loaded.module.Get(isolate_);
    if (module->GetStatus() != v8::Module::kEvaluated && module->GetStatus() != v8::Module::kErrored) continue;
    const auto at = static_cast<uint32_t>(modules.size());
    names->Set(context, at, text(isolate_, name)).Check();
    const auto copy = copies_.find(name);
    if (copy != copies_.end()) copies->Set(context, at, copy->second.Get(isolate_)).Check();
    modules.push_back(module);
  }
  creator.AddData(context, names);
  creator.AddData(context, copies);
  for (const auto module : modules) creator.AddData(context, module);
}

bool ModuleGraph::restore(v8::Local<v8::Context> context, size_t firstData) {
  v8::Local<v8::Array> names;
  v8::Local<v8::Array> copies;
  if (!context->GetDataFromSnapshotOnce<v8::Array>(firstData).ToLocal(&names) ||
      !context->GetDataFromSnapshotOnce<v8::Array>(firstData + 1).ToLocal(&copies)) {
    return false;
  }
  for (uint32_t i = 0; i < names->Length(); ++i) {
    v8::Local<v8::Value> name;
    v8::Local<v8::Value> copy;
    v8::Local<v8::Module> module;
    if (!names->Get(context, i).ToLocal(&name) || !copies->Get(context, i).ToLocal(&copy) ||
        !context->GetDataFromSnapshotOnce<v8::Module>(firstData + 2 + i).ToLocal(&module)) {
      return false;
    }
    const std::string key = toUtf8(isolate_, name, kNameBytesMax);
    loaded_[key].module.Reset(isolate_, module);
    if (copy->IsObject()) copies_[key].Reset(isolate_, copy.As<v8::Object>());
  }
  return true;
}

v8::MaybeLocal<v8::Object> ModuleGraph::mainNamespace() {
  const auto at = loaded_.find(sources_[0].name);
  if (at == loaded_.end()) return {};
  return at->second.module.Get(isolate_)->GetModuleNamespace().As<v8::Object>();
}

std::map<std::string, std::vector<uint8_t>> ModuleGraph::codeCaches() {
  std::map<std::string, std::vector<uint8_t>> result;
  const auto add = [&](const std::string& name, v8::ScriptCompiler::CachedData* made) {
    const std::unique_ptr<v8::ScriptCompiler::CachedData> data(made);
    if (data) result[name].assign(data->data, data->data + data->length);
  };
  for (auto& [name, loaded] : loaded_) {
    if (!loaded.unbound.IsEmpty()) add(name, v8::ScriptCompiler::CreateCodeCache(loaded.unbound.Get(isolate_)));
  }
  if (!script_.IsEmpty()) {
    add(std::string(sources_[0].name), v8::ScriptCompiler::CreateCodeCache(script_.Get(isolate_)));
  }
  return result;
}

}  // namespace weir::js
