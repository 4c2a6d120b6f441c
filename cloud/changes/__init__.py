"""What has changed of a household since an app last looked."""
