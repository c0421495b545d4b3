using System;
using System.IO;
using OpenQA.Selenium;
using OpenQA.Selenium.Chrome;
using Xunit;

namespace Hakmem.Samples.Tests.Browser;

// A headless Chromium with an empty profile, which talks to nobody but the page it is given. Needs Debian's packages chromium and chromium-driver.
public sealed class Chromium : IDisposable
{
    private const string BrowserPath = "/usr/bin/chromium";
    private const string DriverPath = "/usr/bin/chromedriver";

    private readonly string _profile = Directory.CreateTempSubdirectory("hakmem-chromium").FullName;
    private readonly ChromeDriverService _service;

    public Chromium()
    {
        Assert.True(
            File.Exists(BrowserPath) && File.Exists(DriverPath),
            $"The dashboard's tests need {BrowserPath} and {DriverPath}. To install them: bash .ci/install-chromium");
        ChromeOptions options = new() { BinaryLocation = BrowserPath };
        options.AddArguments(
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1360,2400",
            $"--user-data-dir={_profile}");
        options.SetLoggingPreference(LogType.Browser, LogLevel.All);
        _service = ChromeDriverService.CreateDefaultService(Path.GetDirectoryName(DriverPath), Path.GetFileName(DriverPath));
        Driver = new ChromeDriver(_service, options, TimeSpan.FromMinutes(2));
    }

    public ChromeDriver Driver { get; }

    public void Dispose()
    {
        Driver.Dispose();
        _service.Dispose();
        Directory.Delete(_profile, recursive: true);
    }
}
