using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Hakmem.Samples.Tests.WebService;
using OpenQA.Selenium;
using OpenQA.Selenium.Chrome;
using OpenQA.Selenium.Interactions;
using Xunit;

namespace Hakmem.Samples.Tests.Browser;

// The dashboard as a browser shows it: everything is there, it moves under load, and the console has no complaint.
public sealed class DashboardTests(Chromium chromium) : IClassFixture<Chromium>, IAsyncLifetime
{
    // Far longer than the page takes even on a busy machine.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(90);

    // Where a screenshot is put, if anywhere: see docs/dashboard.md.
    private static readonly string? s_screenshots = Environment.GetEnvironmentVariable("HAKMEM_SCREENSHOTS");

    // One for each test: its heap has nothing that an earlier load left, so that a load has to move every figure.
    private readonly RunningService _service = new();

    private ChromeDriver Driver => chromium.Driver;

    public ValueTask InitializeAsync() => _service.InitializeAsync();

    public ValueTask DisposeAsync()
    {
        LeavePage();
        return _service.DisposeAsync();
    }

    [Fact]
    public void EverythingIsThere()
    {
        Open("light");
        Assert.Contains("Hakmem", Driver.Title, StringComparison.Ordinal);
        foreach (string id in new[] { "live", "cached", "committed", "rents", "regions", "managed", "memory-chart",
            "rents-chart", "heap-map", "classes", "tags", "process", "profile", "start", "stop", "trim" })
        {
            Assert.True(Driver.FindElement(By.Id(id)).Displayed || id is "classes" or "tags" or "process" or "profile",
                $"#{id} is not shown.");
        }

        Assert.Equal("idle", Text("status").Split(" · ")[0]);
        Assert.EndsWith(" /s", Text("rents"), StringComparison.Ordinal);
        Assert.Matches(@"^[\d.,]+ (B|[KMG]iB)$", Text("live"));
        Assert.Equal(8, Driver.FindElements(By.CssSelector("#map-legend .key")).Count);
        Assert.Equal(3, Driver.FindElements(By.CssSelector("#memory-legend .key")).Count);
        AssertNoComplaint();
    }

    [Fact]
    public void NothingComesFromElsewhere()
    {
        Open("light");
        var addresses = (IReadOnlyCollection<object>)Run("return performance.getEntriesByType('resource').map(entry => entry.name)")!;
        Assert.NotEmpty(addresses);
        Assert.All(addresses, address => Assert.StartsWith(_service.Address.ToString(), (string)address, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("light")]
    [InlineData("dark")]
    public void FiguresMoveUnderLoadAndComeToRest(string scheme)
    {
        Open(scheme);
        string cachedAtRest = Text("cached");
        double committedAtRest = Bytes("committed");
        long before = Requests();
        Driver.FindElement(By.Id("start")).Click();
        WaitFor(() => Text("status").StartsWith("under load", StringComparison.Ordinal), "the status to say so");
        WaitFor(() => Requests() > before + 20, "requests");
        WaitFor(() => Text("rents") != "0 /s" && Bytes("live") > 1 << 20, "rents and live bytes");
        string seen = Text("live");
        WaitFor(() => Text("live") != seen, "live bytes to change");
        WaitFor(() => Text("cached") != cachedAtRest, "cached bytes to change");
        WaitFor(() => Bytes("committed") > committedAtRest, "committed bytes to grow");
        WaitFor(() => CurvesThatMoved() == 4, "all four curves to move");
        WaitFor(() => Driver.FindElements(By.CssSelector("#classes tr")).Count >= 5, "size classes");
        WaitFor(() => ColoursOf("heap-map") >= 4 && ColoursOf("memory-chart") >= 4 && ColoursOf("rents-chart") >= 3, "something in the drawings");
        Assert.Matches(@"^live over dirty \d+ % · [1-9]\d* SuperSlabs: [1-9]\d* with spans", Text("map-summary"));
        WaitFor(() => Bytes("regions") > 0, "regions of requests");
        WaitFor(
            () => Rows("tags").Any(row => row.StartsWith("service/sessions", StringComparison.Ordinal) &&
                !row.Contains(" 0 B ", StringComparison.Ordinal)),
            "a tag's live bytes");
        Assert.Equal(
            ["service", "service/exports", "service/pictures", "service/sessions", "service/uploads"],
            Rows("tags").Select(row => row.Split(' ')[0]));
        WaitFor(
            () => Rows("process").Any(row => row.StartsWith("Hakmem", StringComparison.Ordinal)),
            "Hakmem's row of the process");
        WaitFor(
            () => Rows("profile").Any(row => row.Contains(nameof(NativeMemoryPool.Rent), StringComparison.Ordinal)),
            "a stack that rents");
        AssertPointingExplains();
        KeepScreenshot(scheme);

        Driver.FindElement(By.Id("stop")).Click();
        WaitFor(() => Text("status").StartsWith("idle", StringComparison.Ordinal), "the load to end");
        Driver.FindElement(By.Id("trim")).Click();
        WaitFor(() => Text("live") == "0 B" && Text("rents") == "0 /s", "the figures to come to rest");
        AssertNoComplaint();
    }

    // The browser complains of the requests, and the page has no error of its own.
    [Fact]
    public async Task AServiceThatIsGoneIsSaidNotToAnswer()
    {
        Open("light");
        await _service.StopAsync();
        WaitFor(() => Text("status").StartsWith("The service does not answer", StringComparison.Ordinal), "the status to say so");
        LeavePage();
        IReadOnlyList<string> complaints = Complaints();
        Assert.NotEmpty(complaints);
        Assert.All(complaints, complaint => Assert.Contains("net::ERR_", complaint, StringComparison.Ordinal));
    }

    [Fact]
    public void ANarrowWindowScrollsInOneDirectionOnly()
    {
        Driver.ExecuteCdpCommand("Emulation.setDeviceMetricsOverride", new Dictionary<string, object?>
        {
            ["width"] = 420L,
            ["height"] = 900L,
            ["deviceScaleFactor"] = 2L,
            ["mobile"] = false,
        });
        try
        {
            Open("light");
            Assert.True((bool)Run("return document.documentElement.scrollWidth <= window.innerWidth")!, "The page is wider than the window.");
            AssertNoComplaint();
        }
        finally
        {
            Driver.ExecuteCdpCommand("Emulation.clearDeviceMetricsOverride", []);
        }
    }

    private void Open(string scheme)
    {
        Driver.ExecuteCdpCommand("Emulation.setEmulatedMedia", new Dictionary<string, object?>
        {
            ["features"] = new object[] { new Dictionary<string, object?> { ["name"] = "prefers-color-scheme", ["value"] = scheme } },
        });
        Driver.Navigate().GoToUrl(_service.Address);
        WaitFor(() => Text("live") != "–", "the first report");
        Assert.Equal(scheme == "dark", (bool)Run("return matchMedia('(prefers-color-scheme: dark)').matches")!);
    }

    // A page that is left open asks a service that has ended, and the browser complains in the next test.
    private void LeavePage() => Driver.Navigate().GoToUrl("about:blank");

    // Pointing at the first box's first cell says which SuperSlab that is.
    private void AssertPointingExplains()
    {
        IWebElement map = Driver.FindElement(By.CssSelector(".map"));
        Run("arguments[0].scrollIntoView({ block: 'center' })", map);
        int left = -(map.Size.Width / 2) + 8;
        int top = -(map.Size.Height / 2) + 8;
        new Actions(Driver).MoveToElement(map, left, top).MoveByOffset(1, 1).Perform();
        WaitFor(() => Text("map-detail").StartsWith("SuperSlab 0x", StringComparison.Ordinal), "the cell's description");
        Run("window.scrollTo(0, 0)");
    }

    private void KeepScreenshot(string scheme)
    {
        if (s_screenshots is { } folder)
        {
            Directory.CreateDirectory(folder);

            // Until the curves have something to show.
            long start = Requests();
            WaitFor(() => Requests() > start + 400, "enough requests");
            Driver.GetScreenshot().SaveAsFile(Path.Combine(folder, $"dashboard-{scheme}.png"));
        }
    }

    private void AssertNoComplaint() => Assert.Empty(Complaints());

    // Those since it was asked last.
    private IReadOnlyList<string> Complaints() =>
        [.. Driver.Manage().Logs.GetLog(LogType.Browser).Where(entry => entry.Level >= LogLevel.Warning).Select(entry => entry.Message)];

    private long ColoursOf(string canvas) => (long)Run(
        """
        const canvas = document.getElementById(arguments[0]);
        const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        const colours = new Set();
        for (let i = 0; i < data.length; i += 4) colours.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
        return colours.size;
        """,
        canvas)!;

    private long CurvesThatMoved() => (long)Run(
        "return ['live', 'cached', 'committed', 'rents'].filter(key => new Set(points.map(point => point[key])).size > 1).length")!;

    private long Requests() => (long)Run("return latest.requests")!;

    // The texts of a table's rows, cell by cell.
    private string[] Rows(string id) => [.. ((IReadOnlyCollection<object>)Run(
        "return [...document.getElementById(arguments[0]).rows].map(" +
        "row => [...row.cells].map(cell => cell.textContent).join(' '))", id)!).Cast<string>()];

    private double Bytes(string id)
    {
        string[] parts = Text(id).Split(' ');
        double unit = parts[1] switch { "KiB" => 1 << 10, "MiB" => 1 << 20, "GiB" => 1 << 30, _ => 1 };
        return double.Parse(parts[0], System.Globalization.CultureInfo.InvariantCulture) * unit;
    }

    private string Text(string id) => (string)Run("return document.getElementById(arguments[0]).textContent", id)!;

    private object? Run(string script, params object[] arguments) => Driver.ExecuteScript(script, arguments);

    private static void WaitFor(Func<bool> condition, string what)
    {
        DateTime end = DateTime.UtcNow + s_patience;
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < end, $"Waited {s_patience.TotalSeconds} s for {what}.");
            System.Threading.Thread.Sleep(100);
        }
    }
}
