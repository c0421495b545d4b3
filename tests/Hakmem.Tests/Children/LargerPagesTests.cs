using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.RegularExpressions;
using Hakmem.Tests.Conformance;
using Hakmem.Tests.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Children;

// The parts of the suite that reach the memory layer, run again in a process whose pages are as large as Arm64's may be: see Os/BigPages.cs.
// Of the conformance tests, which take longest, those of a mode for each way of using pages, and with the largest pages only, which refuse all that
// smaller ones do; CONTRIBUTING.md has the command for all.
public sealed partial class LargerPagesTests
{
    // Minutes on a busy machine; this long only if it hangs.
    private static readonly TimeSpan s_hang = TimeSpan.FromMinutes(30);

    private static readonly string[] s_namespaces = ["Pages", "Small", "Large", "Api", "Guarded"];

    private static readonly Type[] s_conformance =
        [typeof(SharedHeapConformance), typeof(EagerPurgeConformance), typeof(FullHardeningConformance)];

    [Theory]
    [InlineData(16 << 10, false)]
    [InlineData(64 << 10, true)]
    [Needs(SystemNeed.ReleasesParts)]
    public void EverythingHoldsWithLargerPages(int pageBytes, bool withConformance) => AssertAllHold(
        BigPages.Variable, pageBytes.ToString(CultureInfo.InvariantCulture), s_namespaces,
        withConformance ? s_conformance : []);

    // As on Windows, where the run of these tests itself shows it; see Os/ChargingMemory.cs.
    [Fact]
    [Needs(SystemNeed.ReadableIsFree)]
    public void EverythingHoldsWhereCommitIsCharged() =>
        AssertAllHold(ChargingMemory.Variable, "1", [.. s_namespaces, "Faults", "Reclaim"], s_conformance);

    private static void AssertAllHold(string variable, string value, string[] namespaces, Type[] conformance)
    {
        Type[] all = typeof(LargerPagesTests).Assembly.GetTypes();
        Type[] classes = [.. all.Where(type => IsIn(type, namespaces)), .. conformance];
        ChildResult child = ChildProcess.RunProgram(
            [.. classes.SelectMany(type => new[] { "-class", type.FullName! })],
            new Dictionary<string, string> { [variable] = value },
            hang: s_hang);
        child.AssertSucceeded();
        Match counts = Counts().Match(child.Output);
        Assert.True(counts.Success && int.Parse(counts.Groups[1].ValueSpan, CultureInfo.InvariantCulture) > classes.Length, child.Output);
    }

    private static bool IsIn(Type type, string[] namespaces) => type is { IsPublic: true, IsAbstract: false } &&
        namespaces.Any(name => type.Namespace == "Hakmem.Tests." + name) &&
        type.GetMethods().Any(method => Attribute.IsDefined(method, typeof(FactAttribute)));

    [GeneratedRegex(@"^(\d+) passed, 0 failed", RegexOptions.Multiline)]
    private static partial Regex Counts();
}
