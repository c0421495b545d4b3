using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Threading.Tasks;
using Hakmem.Tests.Support;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestFramework(typeof(CategoryTestFramework))]

namespace Hakmem.Tests.Support;

// xunit's framework, in which each test class also has the trait `category`. Its value is that of the class's
// CategoryAttribute, or of the nearest base class's; without one the namespace's; and otherwise `fast`. A trait
// attribute cannot do this by itself, as xunit does not tell it which class it is on.
//
// A test whose trait `needs` names what this system lacks is skipped, with the reason, and its class is not created.
public sealed class CategoryTestFramework : XunitTestFramework
{
    public const string Trait = "category";

    private static readonly Dictionary<string, TestCategory> s_namespaces = new()
    {
        ["Hakmem.Tests.Children"] = TestCategory.Child,
        ["Hakmem.Tests.Concurrency"] = TestCategory.Stress,
        ["Hakmem.Tests.Faults"] = TestCategory.Stress,
        ["Hakmem.Tests.Properties"] = TestCategory.Stress,
        ["Hakmem.Tests.Stress"] = TestCategory.Stress,
    };

    public override string TestFrameworkDisplayName => base.TestFrameworkDisplayName + " with categories";

    internal static TestCategory CategoryOf(Type testClass) =>
        testClass.GetCustomAttribute<CategoryAttribute>(inherit: true)?.Category
        ?? s_namespaces.GetValueOrDefault(testClass.Namespace ?? "", TestCategory.Fast);

    protected override ITestFrameworkDiscoverer CreateDiscoverer(Assembly assembly)
    {
        XunitTestFrameworkDiscoverer discoverer = (XunitTestFrameworkDiscoverer)base.CreateDiscoverer(assembly);
        return new Discoverer(discoverer.TestAssembly, discoverer.TestCollectionFactory);
    }

    private sealed class Discoverer(IXunitTestAssembly assembly, IXunitTestCollectionFactory collections)
        : XunitTestFrameworkDiscoverer(assembly, collections)
    {
        protected override ValueTask<IXunitTestClass> CreateTestClass(Type @class) =>
            new(new CategorisedTestClass(@class, TestCollectionFactory.Get(@class)));

        // One case for a method that is skipped, whatever data a theory has.
        protected override ValueTask<bool> FindTestsForMethod(
            IXunitTestMethod testMethod, ITestFrameworkDiscoveryOptions discoveryOptions, Func<ITestCase, ValueTask<bool>> discoveryCallback)
        {
            string? reason = SystemNeeds.ReasonToSkip(testMethod.Traits.GetValueOrDefault(NeedsAttribute.Trait, []));
            return reason is null || testMethod.FactAttributes.FirstOrDefault() is not { } fact
                ? base.FindTestsForMethod(testMethod, discoveryOptions, discoveryCallback)
                : discoveryCallback(SkippedCase(testMethod, fact, discoveryOptions, reason));
        }

        private static XunitTestCase SkippedCase(
            IXunitTestMethod testMethod, IFactAttribute fact, ITestFrameworkDiscoveryOptions options, string reason)
        {
            var details = TestIntrospectionHelper.GetTestCaseDetails(options, testMethod, fact);
            return new XunitTestCase(
                details.ResolvedTestMethod,
                details.TestCaseDisplayName,
                details.UniqueID,
                details.Explicit,
                skipReason: reason,
                traits: testMethod.Traits.ToDictionary(trait => trait.Key, trait => trait.Value.ToHashSet()));
        }
    }
}
