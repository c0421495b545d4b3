using System;
using System.Linq;
using System.Threading.Tasks;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Hosting;

// What a host says that does not start for a mistake in its configuration: the whole path of the key, what it is and
// what it has to be.
public sealed class WrongConfigurationTests
{
    private const string KestrelKeys =
        "Known are Hakmem:Kestrel:MaxBytes, Hakmem:Kestrel:RefuseAtLimit, Hakmem:Kestrel:IdleTimeout, " +
        "Hakmem:Kestrel:ThreadCacheBlocks, " +
        "Hakmem:Kestrel:RecycleOwners, Hakmem:Kestrel:CollectWhenIdle.";

    private const string OwnKeys = "Known are Hakmem:Isolated, Hakmem:Metrics, Hakmem:MetricsName, Hakmem:Heap, " +
        "Hakmem:Pool, Hakmem:Kestrel.";

    [Theory]
    [InlineData("Kestrel:MaxByte", "1", "Hakmem:Kestrel:MaxByte is not known. Is Hakmem:Kestrel:MaxBytes meant? " + KestrelKeys)]
    [InlineData("Kestrel:idletimeuot", "00:00:02", "Hakmem:Kestrel:idletimeuot is not known. Is Hakmem:Kestrel:IdleTimeout meant? " + KestrelKeys)]
    [InlineData("Heap:MaxByte", "4194304", "Hakmem:Heap:MaxByte is not known. Is Hakmem:Heap:MaxBytes meant? {heap keys}")]
    [InlineData("Kestrel:Colour", "red", "Hakmem:Kestrel:Colour is not known. " + KestrelKeys)]
    [InlineData("Kestrl:MaxBytes", "1", "Hakmem:Kestrl is not known. Is Hakmem:Kestrel meant? " + OwnKeys)]
    [InlineData("MaxBytes", "1", "Hakmem:MaxBytes is not known. " + OwnKeys)]
    [InlineData("Kestrel:MaxBytes:Most", "1", "Hakmem:Kestrel:MaxBytes:Most is not known: Hakmem:Kestrel:MaxBytes is a value, not a section.")]
    [InlineData("Kestrel", "256 MiB", "Hakmem:Kestrel is '256 MiB', and must be a section with keys.")]
    public Task AnUnknownKeyIsNamedWithItsWholePath(string key, string value, string message) =>
        AssertRefused(key, value, message.Replace("{heap keys}", KnownHeapKeys(), StringComparison.Ordinal));

    [Theory]
    [InlineData("Heap:MaxBytes", "abc", "Hakmem:Heap:MaxBytes is 'abc', and must be a whole number up to 9223372036854775807.")]
    [InlineData("Heap:MaxBytes", "9223372036854775808", "Hakmem:Heap:MaxBytes is '9223372036854775808', and must be a whole number up to 9223372036854775807.")]
    [InlineData("Heap:Hardening", "Utmost", "Hakmem:Heap:Hardening is 'Utmost', and must be one of {0}.")]
    [InlineData("Isolated", "perhaps", "Hakmem:Isolated is 'perhaps', and must be true or false.")]
    [InlineData("Pool:MaxBufferSize", "2147483648", "Hakmem:Pool:MaxBufferSize is '2147483648', and must be a whole number up to 2147483647.")]
    [InlineData("Pool:LeakTracking", "Always", "Hakmem:Pool:LeakTracking is 'Always', and must be one of Off, Count, Stacks.")]
    [InlineData(
        "Kestrel:IdleTimeout", "10s",
        "Hakmem:Kestrel:IdleTimeout is '10s', and must be a time as hh:mm:ss (a plain number would be days).")]
    [InlineData("Kestrel:CollectWhenIdle", "1", "Hakmem:Kestrel:CollectWhenIdle is '1', and must be true or false.")]
    public Task AValueThatIsNotUnderstoodIsNamedWithItsKey(string key, string value, string message) => AssertRefused(
        key, value, message.Replace("{0}", string.Join(", ", Enum.GetNames<HardeningLevel>()), StringComparison.Ordinal));

    [Theory]
    [InlineData("Heap:MaxBytes", "12", "Hakmem:Heap:MaxBytes is 12, and must be at least 2097152.")]
    [InlineData("Heap:PurgeDelay", "-00:00:01", "Hakmem:Heap:PurgeDelay is -00:00:01, and must be at least 0.")]
    [InlineData("Heap:Prefault", "77", "Hakmem:Heap:Prefault is 77, and is not one of the values of its enumeration.")]
    [InlineData("Pool:MaxBufferSize", "0", "Hakmem:Pool:MaxBufferSize is 0, and must be at least 1.")]
    [InlineData("Pool:DefaultBufferSize", "-3", "Hakmem:Pool:DefaultBufferSize is -3, and must be from 1 to MaxBufferSize, which is 2147483647.")]
    [InlineData("Pool:MaxBytes", "-1", "Hakmem:Pool:MaxBytes is -1, and must be 0 (no limit) or more.")]
    [InlineData("Pool:LeakTracking", "7", "Hakmem:Pool:LeakTracking is 7, and must be one of Off, Count, Stacks.")]
    [InlineData("Kestrel:MaxBytes", "5", "Hakmem:Kestrel:MaxBytes is 5, and must be 0 (no limit) or at least 131072.")]
    [InlineData(
        "Kestrel:IdleTimeout", "10.00:00:00",
        "Hakmem:Kestrel:IdleTimeout is 10.00:00:00, and must be from 00:00:00.0300000 to 1.00:00:00 (hh:mm:ss).")]
    [InlineData("Kestrel:ThreadCacheBlocks", "-1", "Hakmem:Kestrel:ThreadCacheBlocks is -1, and must be from 0 to 4096.")]
    public Task AValueOutOfRangeIsNamedWithItsKey(string key, string value, string message) => AssertRefused(key, value, message);

    // The binder would take it for days, where seconds or milliseconds were meant.
    [Theory]
    [InlineData("Heap:PurgeDelay", "5")]
    [InlineData("Heap:PurgeDelay", " 0 ")]
    [InlineData("Heap:SuperSlabCacheTtl", "-1")]
    [InlineData("Kestrel:IdleTimeout", "10")]
    public Task APlainNumberIsNoTime(string key, string value) => AssertRefused(
        key, value, $"Hakmem:{key} is '{value}', and must be a time as hh:mm:ss (a plain number would be days).");

    [Fact]
    public Task SettingsOfTheSharedHeapAreRefused() => AssertRefused(
        [("Heap:MaxBytes", "4194304"), ("Heap:Hardening", "Full")],
        "Hakmem:Heap:MaxBytes, Hakmem:Heap:Hardening are set, which has no effect on the shared heap. Set " +
        "Hakmem:Isolated to true for a heap with these settings, or set those of the shared heap in AppContext or " +
        "the environment.",
        isolated: false);

    // All that is wrong, not the first of it.
    [Fact]
    public Task EveryMistakeIsTold() => AssertRefused(
        [("Heap:MaxBytes", "abc"), ("Kestrel:CollectWhenIdle", "maybe")],
        "Hakmem:Heap:MaxBytes is 'abc', and must be a whole number up to 9223372036854775807.; " +
        "Hakmem:Kestrel:CollectWhenIdle is 'maybe', and must be true or false.");

    // What is not understood, what is not known and what is out of its range, of every section.
    [Fact]
    public Task MistakesOfEveryKindAreToldTogether() => AssertRefused(
        [
            ("Heap:MaxBytes", "64M"), ("Kestrel:MaxByte", "1"), ("Kestrel:MaxBytes", "5"), ("Pool:MaxBytes", "-1"),
            ("Heap:ThreadCacheBytes", "-1"),
        ],
        "Hakmem:Heap:MaxBytes is '64M', and must be a whole number up to 9223372036854775807.; " +
        "Hakmem:Kestrel:MaxByte is not known. Is Hakmem:Kestrel:MaxBytes meant? " + KestrelKeys + "; " +
        "Hakmem:Heap:ThreadCacheBytes is -1, and must be at least 0.; " +
        "Hakmem:Pool:MaxBytes is -1, and must be 0 (no limit) or more.; " +
        "Hakmem:Kestrel:MaxBytes is 5, and must be 0 (no limit) or at least 131072.");

    // A heap itself names the first only.
    [Fact]
    public Task EveryWrongSettingOfTheHeapIsTold() => AssertRefused(
        [
            ("Heap:MaxBytes", "12"), ("Heap:PurgeDelay", "-00:00:01"), ("Heap:Prefault", "77"),
            ("Heap:ThreadCacheBytes", "4096"),
        ],
        "Hakmem:Heap:Prefault is 77, and is not one of the values of its enumeration.; " +
        "Hakmem:Heap:MaxBytes is 12, and must be at least 2097152.; " +
        "Hakmem:Heap:PurgeDelay is -00:00:01, and must be at least 0.");

    [Fact]
    public Task ASoftLimitAboveTheHardOneIsToldOnce() => AssertRefused(
        [("Heap:MaxBytes", "4194304"), ("Heap:SoftLimitBytes", "8388608"), ("Heap:QuarantineBytes", "-1")],
        "Hakmem:Heap:QuarantineBytes is -1, and must be at least 0.; " +
        "Hakmem:Heap:SoftLimitBytes is 8388608, and must not exceed the hard limit, 4194304 bytes.");

    [Fact]
    public Task BothSizesOfAPoolAreTold() => AssertRefused(
        [("Pool:MaxBufferSize", "0"), ("Pool:DefaultBufferSize", "-3")],
        "Hakmem:Pool:MaxBufferSize is 0, and must be at least 1.; " +
        "Hakmem:Pool:DefaultBufferSize is -3, and must be at least 1.");

    // Values that the binder understands are no mistakes.
    [Theory]
    [InlineData("Heap:Prefault", "touch")]
    [InlineData("heap:maxBYTES", " 4194304 ")]
    [InlineData("Heap:PurgeDelay", "00:00:00.5")]
    [InlineData("Heap:MaxBytes", "")]
    [InlineData("Pool:MaxBytes", "")]
    [InlineData("Kestrel:IdleTimeout", "")]
    [InlineData("Kestrel:RecycleOwners", "TRUE")]
    [InlineData("Kestrel", "")]
    public async Task WhatTheBinderUnderstandsIsNoMistake(string key, string value)
    {
        using IHost host = Build([(key, value)], isolated: true);
        await host.StartAsync();
        await host.StopAsync();
    }

    private static string KnownHeapKeys() =>
        $"Known are {string.Join(", ", typeof(HakmemOptions).GetProperties().Select(option => $"Hakmem:Heap:{option.Name}"))}.";

    private static Task AssertRefused(string key, string value, string message, bool isolated = true) => AssertRefused([(key, value)], message, isolated);

    private static async Task AssertRefused((string Key, string Value)[] values, string message, bool isolated = true)
    {
        using IHost host = Build(values, isolated);
        OptionsValidationException refusal = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        Assert.Equal(message, refusal.Message);
    }

    private static IHost Build((string Key, string Value)[] values, bool isolated)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection([new("Hakmem:Isolated", isolated ? "true" : "false")]);
        foreach ((string key, string value) in values)
        {
            builder.Configuration.AddInMemoryCollection([new("Hakmem:" + key, value)]);
        }

        builder.AddHakmem();
        return builder.Build();
    }
}
