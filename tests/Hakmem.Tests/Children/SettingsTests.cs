using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Api;
using Hakmem.Tests.Architecture;
using Xunit;

namespace Hakmem.Tests.Children;

// The initialiser wins over AppContext, which wins over the environment, which wins over the default.
public sealed class SettingsTests
{
    [Fact]
    public void WithoutSettingsTheDefaultsHold()
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.Settings);
        child.AssertSucceeded();
        Assert.Equal((long)PrefaultMode.None, child.Figure("Prefault"));
        Assert.Equal((long)LazyZeroMode.Deferred, child.Figure("LazyZero"));
        Assert.Equal((long)HugePageMode.Default, child.Figure("HugePages"));
        Assert.Equal(0, child.Figure("MaxBytes"));
        Assert.Equal(16 << 20, child.Figure("ThreadCacheBytes"));
        Assert.Equal(256, child.Figure("SuperSlabCacheCount"));
        Assert.Equal(512 << 20, child.Figure("SuperSlabCacheBytes"));
        Assert.Equal(10_000, child.Figure("SuperSlabCacheTtl"));
        Assert.Equal(1_000, child.Figure("PurgeDelay"));
        Assert.Equal((long)HardeningLevel.Standard, child.Figure("Hardening"));
        Assert.Equal(0, child.Figure("CaptureStacks"));
        Assert.Equal(16 << 20, child.Figure("QuarantineBytes"));
        Assert.Equal(0, child.Figure("GuardedSampleInterval"));
        Assert.Equal(0, child.Figure("GuardedSampleBytes"));
        Assert.Equal(1, child.Figure("FaultReports"));
        Assert.Equal(1, child.Figure("AreDefaults"));
        Assert.Equal(1, child.Figure("SharedTakes64MiB"));
        Assert.Equal(1, child.Figure("IsolatedTakes64MiB"));
    }

    [Fact]
    public void TheEnvironmentSetsEveryValue()
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.Settings, environment: new Dictionary<string, string>
        {
            ["HAKMEM_PREFAULT"] = "populate",
            ["HAKMEM_LAZY_ZERO"] = "Off",
            ["HAKMEM_HUGE_PAGES"] = "2",
            ["HAKMEM_MAX_BYTES"] = "33554432",
            ["HAKMEM_THREAD_CACHE_BYTES"] = "1000",
            ["HAKMEM_SUPERSLAB_CACHE_COUNT"] = "7",
            ["HAKMEM_SUPERSLAB_CACHE_BYTES"] = "0",
            ["HAKMEM_SUPERSLAB_CACHE_TTL"] = "00:02:00",
            ["HAKMEM_PURGE_DELAY"] = " 250 ",
            ["HAKMEM_HARDENING"] = "FULL",
            ["HAKMEM_CAPTURE_STACKS"] = "True",
            ["HAKMEM_QUARANTINE_BYTES"] = "12345",
            ["HAKMEM_GUARDED_SAMPLE_INTERVAL"] = "1000",
            ["HAKMEM_GUARDED_SAMPLE_BYTES"] = "5000000000",
            ["HAKMEM_FAULT_REPORTS"] = "0",
        });
        child.AssertSucceeded();
        Assert.Equal((long)PrefaultMode.Populate, child.Figure("Prefault"));
        Assert.Equal((long)LazyZeroMode.Off, child.Figure("LazyZero"));
        Assert.Equal((long)HugePageMode.Always, child.Figure("HugePages"));
        Assert.Equal(32 << 20, child.Figure("MaxBytes"));
        Assert.Equal(1_000, child.Figure("ThreadCacheBytes"));
        Assert.Equal(7, child.Figure("SuperSlabCacheCount"));
        Assert.Equal(0, child.Figure("SuperSlabCacheBytes"));
        Assert.Equal(120_000, child.Figure("SuperSlabCacheTtl"));
        Assert.Equal(250, child.Figure("PurgeDelay"));
        Assert.Equal((long)HardeningLevel.Full, child.Figure("Hardening"));
        Assert.Equal(1, child.Figure("CaptureStacks"));
        Assert.Equal(12_345, child.Figure("QuarantineBytes"));
        Assert.Equal(1_000, child.Figure("GuardedSampleInterval"));
        Assert.Equal(5_000_000_000, child.Figure("GuardedSampleBytes"));
        Assert.Equal(0, child.Figure("FaultReports"));
        Assert.Equal(123 << 20, child.Figure("Given"));
        Assert.Equal(0, child.Figure("SharedTakes64MiB"));
        Assert.Equal(0, child.Figure("IsolatedTakes64MiB"));
    }

    [Fact]
    public void AppContextWinsOverTheEnvironment()
    {
        ChildResult child = ChildProcess.Run(
            ChildScenarios.Settings,
            ["MaxBytes=134217728", "LazyZero=Immediate", "PurgeDelay=00:00:05"],
            new Dictionary<string, string>
            {
                ["HAKMEM_MAX_BYTES"] = "2097152",
                ["HAKMEM_LAZY_ZERO"] = "Off",
                ["HAKMEM_PURGE_DELAY"] = "1",
                ["HAKMEM_PREFAULT"] = "Touch",
            });
        child.AssertSucceeded();
        Assert.Equal(128 << 20, child.Figure("MaxBytes"));
        Assert.Equal((long)LazyZeroMode.Immediate, child.Figure("LazyZero"));
        Assert.Equal(5_000, child.Figure("PurgeDelay"));
        Assert.Equal((long)PrefaultMode.Touch, child.Figure("Prefault"));
        Assert.Equal(123 << 20, child.Figure("Given"));
        Assert.Equal(1, child.Figure("SharedTakes64MiB"));
    }

    // Whatever options there are: each has another value than its default, in the environment or, where that has nonsense, in AppContext.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void EveryDeclaredOptionIsReadFromItsSources(bool isInAppContext)
    {
        HakmemSetting[] settings = [.. SettingsTable.Settings.Where(setting => typeof(HakmemOptions).GetProperty(setting.Name) is not null)];
        ChildResult child = ChildProcess.Run(
            ChildScenarios.Settings,
            isInAppContext ? [.. settings.Select(setting => $"{setting.Name}={AnotherValue(setting)}")] : [],
            settings.ToDictionary(setting => setting.Variable, setting => isInAppContext ? "nonsense" : $"{AnotherValue(setting)}"));
        child.AssertSucceeded();
        Assert.All(settings, setting => Assert.Equal(AnotherValue(setting), child.Figure(setting.Name)));
        Assert.Equal(0, child.Figure("AreDefaults"));
    }

    [Theory]
    [InlineData("HAKMEM_SS_PREFAULT", "0", "Prefault", (long)PrefaultMode.None)]
    [InlineData("HAKMEM_SS_PREFAULT", "1", "Prefault", (long)PrefaultMode.WillNeed)]
    [InlineData("HAKMEM_SS_PREFAULT", "populate", "Prefault", (long)PrefaultMode.Populate)]
    [InlineData("HAKMEM_SS_PREFAULT", " Touch ", "Prefault", (long)PrefaultMode.Touch)]
    [InlineData("HAKMEM_SS_LAZY_ZERO", "0", "LazyZero", (long)LazyZeroMode.Off)]
    [InlineData("HAKMEM_SS_LAZY_ZERO", "1", "LazyZero", (long)LazyZeroMode.Immediate)]
    [InlineData("HAKMEM_SS_LAZY_ZERO", "deferred", "LazyZero", (long)LazyZeroMode.Deferred)]
    [InlineData("HAKMEM_THP", "off", "HugePages", (long)HugePageMode.Never)]
    [InlineData("HAKMEM_THP", "auto", "HugePages", (long)HugePageMode.Default)]
    [InlineData("HAKMEM_THP", "ON", "HugePages", (long)HugePageMode.Always)]
    [InlineData("HAKMEM_SUPERSLAB_MAX_CACHED", "12", "SuperSlabCacheCount", 12)]
    [InlineData("HAKMEM_SUPERSLAB_MAX_MEMORY_MB", "3", "SuperSlabCacheBytes", 3 << 20)]
    [InlineData("HAKMEM_SUPERSLAB_TTL_SEC", "60", "SuperSlabCacheTtl", 60_000)]
    public void TheOriginalsNamesAreUnderstood(string variable, string value, string option, long expected)
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.Settings, environment: new Dictionary<string, string> { [variable] = value });
        child.AssertSucceeded();
        Assert.Equal(expected, child.Figure(option));
    }

    // What is overridden is not read, so that nonsense in it does no harm.
    [Fact]
    public void OwnNamesWinOverTheOriginals()
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.Settings, ["Prefault=Touch"], new Dictionary<string, string>
        {
            ["HAKMEM_SS_PREFAULT"] = "nonsense",
            ["HAKMEM_LAZY_ZERO"] = "Deferred",
            ["HAKMEM_SS_LAZY_ZERO"] = "0",
            ["HAKMEM_HUGE_PAGES"] = "Never",
            ["HAKMEM_THP"] = "on",
            ["HAKMEM_SUPERSLAB_CACHE_COUNT"] = "5",
            ["HAKMEM_SUPERSLAB_MAX_CACHED"] = "6",
            ["HAKMEM_SUPERSLAB_CACHE_BYTES"] = "7",
            ["HAKMEM_SUPERSLAB_MAX_MEMORY_MB"] = "8",
            ["HAKMEM_SUPERSLAB_CACHE_TTL"] = "9",
            ["HAKMEM_SUPERSLAB_TTL_SEC"] = "10",
        });
        child.AssertSucceeded();
        Assert.Equal((long)PrefaultMode.Touch, child.Figure("Prefault"));
        Assert.Equal((long)LazyZeroMode.Deferred, child.Figure("LazyZero"));
        Assert.Equal((long)HugePageMode.Never, child.Figure("HugePages"));
        Assert.Equal(5, child.Figure("SuperSlabCacheCount"));
        Assert.Equal(7, child.Figure("SuperSlabCacheBytes"));
        Assert.Equal(9, child.Figure("SuperSlabCacheTtl"));
    }

    [Theory]
    [InlineData("HAKMEM_MAX_BYTES", "64M")]
    [InlineData("HAKMEM_MAX_BYTES", "99999999999999999999")]
    [InlineData("HAKMEM_PREFAULT", "yes")]
    [InlineData("HAKMEM_LAZY_ZERO", "7")]
    [InlineData("HAKMEM_SUPERSLAB_CACHE_COUNT", "3000000000")]
    [InlineData("HAKMEM_PURGE_DELAY", "-5")]
    [InlineData("HAKMEM_SS_PREFAULT", "2")]
    [InlineData("HAKMEM_SS_LAZY_ZERO", "yes")]
    [InlineData("HAKMEM_THP", "madvise")]
    [InlineData("HAKMEM_SUPERSLAB_MAX_CACHED", "-1")]
    [InlineData("HAKMEM_SUPERSLAB_MAX_CACHED", "2147483648")]
    [InlineData("HAKMEM_SUPERSLAB_MAX_MEMORY_MB", "1.5")]
    [InlineData("HAKMEM_SUPERSLAB_MAX_MEMORY_MB", "9999999999999")]
    [InlineData("HAKMEM_SUPERSLAB_TTL_SEC", "10s")]
    [InlineData("HAKMEM_CAPTURE_STACKS", "yes")]
    public void ASettingThatCannotBeUnderstoodIsAnErrorThatNamesIt(string variable, string value)
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.Settings, environment: new Dictionary<string, string> { [variable] = value });
        Assert.NotEqual(0, child.ExitCode);
        Assert.Contains(variable, child.Error, StringComparison.Ordinal);
        Assert.Contains(value, child.Error, StringComparison.Ordinal);
        Assert.Contains(
            $"Display: The environment variable {variable} is '{value}'", child.Output, StringComparison.Ordinal);
    }
    // As it is written and printed: a time in milliseconds.
    private static long AnotherValue(HakmemSetting setting)
    {
        long least = Math.Max(setting.Least, 1);
        return setting.Type == typeof(TimeSpan) ? (setting.Default / TimeSpan.TicksPerMillisecond) + least
            : setting.Type == typeof(bool) ? 1 - setting.Default
            : setting.Type.IsEnum ? (setting.Default + 1) % Enum.GetNames(setting.Type).Length
            : setting.Default + least;
    }
}
